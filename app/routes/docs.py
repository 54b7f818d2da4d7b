"""GET /docs: Swagger UI. The service has its files, so that a browser needs no other host.

`make swagger` copies them from Swagger's own npm release. All scripts are files, so that a
Content-Security-Policy without 'unsafe-inline' fits the page.
"""

from html import escape
from importlib import resources
from string import Template

from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

ASSETS = "static/swagger"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Assets(StaticFiles):
    """Files that are always sent whole, as HTTP allows: Starlette refuses a bad range in plain text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [header for header in scope["headers"] if header[0] != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


def add_docs(app: FastAPI) -> None:
    template = Template(resources.files("app").joinpath("static/docs.html").read_text())
    page = template.substitute(title=escape(app.title))
    app.mount(f"/{ASSETS}", Assets(packages=[("app", ASSETS)]))

    @app.get("/docs", include_in_schema=False)
    async def get_docs() -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})

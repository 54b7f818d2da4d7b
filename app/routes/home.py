"""GET /: a page about the model."""

from html import escape
from importlib import resources
from string import Template

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from app import __version__
from app.core.contract import CARD_FILE, Contract
from app.routes import inline

CARD_LINK = '<a href="card">Model card: /card</a> '


def router(contract: Contract) -> APIRouter:
    routes = APIRouter()
    page = render_page(contract)
    headers = {"Content-Security-Policy": policy(page)}

    @routes.get("/", include_in_schema=False)
    async def get_home() -> Response:
        return HTMLResponse(page, headers=headers)

    return routes


def render_page(contract: Contract) -> str:
    """Return the page, which names the data that the model was trained on."""
    template = Template(resources.files("app").joinpath("static/welcome.html").read_text())
    provenance = contract.provenance
    return template.substitute(
        title=escape(contract.title),
        description=escape(contract.description),
        name=escape(contract.name),
        model_version=escape(contract.model_version),
        api_version=escape(__version__),
        data_source=escape(provenance.data_source),
        rows=f"{provenance.rows:,}",
        fitted_on=escape(provenance.fitted_on),
        trained_at=f"{provenance.trained_at:%Y-%m-%d %H:%M} UTC",
        card=CARD_LINK if CARD_FILE in contract.files else "",
    )


def policy(page: str) -> str:
    return (
        f"default-src 'none'; style-src {inline.hashes(page, 'style')}; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

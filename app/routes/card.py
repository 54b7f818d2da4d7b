"""GET /card: the model card that was baked with the model."""

from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.core.baked_model import read_file
from app.core.contract import CARD_FILE, Contract
from app.core.errors import Problem
from app.routes import inline


def router(directory: Path, contract: Contract) -> APIRouter:
    """Return the route. A browser keeps the card, and asks whether it is still that of this model."""
    routes = APIRouter()
    page = read_file(directory, contract, CARD_FILE) if CARD_FILE in contract.files else b""
    tag = f'"{contract.files.get(CARD_FILE)}"'
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": policy(page.decode()), "ETag": tag}

    @routes.get("/card", include_in_schema=False)
    async def get_card(request: Request) -> Response:
        if not page:
            raise Problem(404, "no-card", "The model was baked without a card; bake it again to have one.")
        if _is_cached(request, tag):
            return Response(status_code=304, headers=headers)
        return HTMLResponse(page, headers=headers)

    return routes


def policy(page: str) -> str:
    """Return the policy of the card: its scripts alone, but any style, for plots have style attributes."""
    return (
        f"default-src 'none'; script-src {inline.hashes(page, 'script')}; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _is_cached(request: Request, tag: str) -> bool:
    """Return whether the client has the page with that ETag (RFC 9110, 13.1.2)."""
    tags = request.headers.get("If-None-Match", "").split(",")
    return not {"*", tag}.isdisjoint(cached.strip().removeprefix("W/") for cached in tags)

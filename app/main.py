"""create_app: the parts of the service, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from app import __version__
from app.core.errors import HANDLERS
from app.core.model import Model
from app.monitoring.metrics import Metrics
from app.prediction.predictor import PATH, Predict, Predictor
from app.routes import card, health, openapi, predict_file
from app.settings import Settings


class Service(FastAPI):
    """FastAPI, with a way past it for the one route whose every microsecond counts."""

    metrics: Metrics
    predict: Predict
    readiness: health.Readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
        elif scope["path"] == PATH and scope["method"] == "POST":
            await self.predict(scope, receive, send)
        else:
            await self.metrics.measure(super().__call__, scope, receive, send)


def create_app(settings: Settings | None = None) -> Service:
    """Return the service for the baked model in `settings.model_dir`.

    Raises:
        StartupError: the model is missing, changed, too new, or does not fit its contract.
    """
    settings = settings or Settings.read()
    model = Model.load(settings.model_dir)
    readiness = health.Readiness()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        readiness.started = True
        yield

    app = Service(
        title=model.contract.title,
        description=model.contract.description,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        exception_handlers=HANDLERS,
    )
    app.readiness = readiness
    app.metrics = Metrics(model.contract)
    predictor = Predictor(model, app.metrics, settings.max_rows)
    app.predict = Predict(predictor, app.metrics, settings)
    app.include_router(health.router(model.contract, readiness, app.metrics))
    app.include_router(card.router(settings.model_dir, model.contract))
    app.router.routes.append(Route(PATH, app.predict, methods=["POST"]))  # for the 405 of other methods
    app.router.routes.append(
        Route(predict_file.PATH, predict_file.Upload(predictor, settings), methods=["POST"])
    )
    _add_docs(app)
    document = openapi.document(app, model.contract, settings.max_rows)
    app.openapi = lambda: document  # type: ignore[method-assign] # FastAPI's documented way to extend it
    return app


def _add_docs(app: FastAPI) -> None:
    """Serve Swagger UI from files that are installed with us: a browser needs no other host."""
    page = get_swagger_ui_html(
        title=escape(app.title),
        openapi_url="openapi.json",
        swagger_js_url="static/swagger/swagger-ui-bundle.js",
        swagger_css_url="static/swagger/swagger-ui.css",
        swagger_favicon_url="static/swagger/favicon-32x32.png",
    )
    app.mount("/static/swagger", StaticFiles(packages=[("fastapi_swagger", "resources")]))

    @app.get("/docs", include_in_schema=False)
    async def get_docs(_request: Request) -> Response:
        return page

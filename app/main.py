"""create_app: the parts of the service, put together."""

from collections.abc import Awaitable, Sequence

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app import __version__
from app.core.contract import Contract
from app.core.model import Model
from app.middleware.body_limit import BodyLimit
from app.middleware.measure import Measure
from app.middleware.methods import Methods
from app.middleware.problems import Problems, reraise
from app.middleware.security_headers import SecurityHeaders
from app.monitoring.metrics import Metrics
from app.monitoring.readiness import Readiness
from app.prediction.predictor import Predictor
from app.routes import card, docs, health, home, metrics, openapi, predict, predict_file
from app.settings import Settings

CANONICAL_PATHS = {f"{path}/": path for path in (predict.PATH, predict_file.PATH)}


class Service(FastAPI):
    """FastAPI within one pipeline of middleware; the one route that must be fast does without FastAPI."""

    pipeline: ASGIApp
    predict: predict.Predict

    def __init__(self, contract: Contract) -> None:
        self.metrics = Metrics(contract)
        self.readiness = Readiness()
        super().__init__(
            title=contract.title,
            description=contract.description,
            version=__version__,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            lifespan=self.readiness.lifespan,
            exception_handlers={HTTPException: reraise, Exception: reraise},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["path"] in CANONICAL_PATHS:
                scope["path"] = CANONICAL_PATHS[scope["path"]]
            await self.pipeline(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def dispatch(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer what has passed the pipeline: predictions directly, all else by FastAPI."""
        if scope["path"] == predict.PATH and scope["method"] == "POST":
            return self.predict(scope, receive, send)
        return super().__call__(scope, receive, send)


def create_app(settings: Settings | None = None) -> Service:
    """Return the service for the baked model in `settings.model_dir`.

    Raises:
        StartupError: the model is missing, changed, too new, or does not fit its contract.
    """
    settings = settings or Settings.read()
    model = Model.load(settings.model_dir)
    app = Service(model.contract)
    app.pipeline = wrap(
        app.dispatch,
        [  # outermost first
            Middleware(Measure, metrics=app.metrics),
            Middleware(SecurityHeaders),
            Middleware(Problems, metrics=app.metrics),
            Middleware(Methods),
            Middleware(BodyLimit, limit=settings.max_body_bytes),
        ],
    )
    add_routes(app, model, settings)
    return app


def wrap(app: ASGIApp, middleware: Sequence[Middleware]) -> ASGIApp:
    """Return `app` within its middleware, which stands outermost first."""
    for cls, args, kwargs in reversed(middleware):
        app = cls(app, *args, **kwargs)
    return app


def add_routes(app: Service, model: Model, settings: Settings) -> None:
    contract = model.contract
    predictor = Predictor(model, app.metrics, settings.max_rows)
    app.predict = predict.Predict(predictor)
    app.include_router(home.router(contract))
    app.include_router(health.router(contract, app.readiness))
    app.include_router(metrics.router(app.metrics))
    app.include_router(card.router(settings.model_dir, contract))
    app.router.routes += [
        Route(predict.PATH, app.predict, methods=["POST"]),  # for the 405 of other methods
        Route(predict_file.PATH, predict_file.PredictFile(predictor), methods=["POST"]),
    ]
    docs.add_docs(app)
    document = openapi.document(app, contract, settings.max_rows)
    app.openapi = lambda: document  # type: ignore[method-assign] # FastAPI's documented way to extend it

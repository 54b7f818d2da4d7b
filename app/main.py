"""create_app: the parts of the service, put together."""

from collections.abc import Awaitable, Collection, Iterator, Mapping, Sequence

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app import __version__
from app.core.contract import Contract
from app.core.model import Model
from app.middleware.auth import Auth, public_paths
from app.middleware.body_limit import BodyLimit
from app.middleware.cors import Cors
from app.middleware.measure import Measure
from app.middleware.methods import Methods
from app.middleware.problems import Problems, reraise
from app.middleware.proxies import Proxies
from app.middleware.rate_limit import RateLimit
from app.middleware.security_headers import SecurityHeaders
from app.monitoring.metrics import Metrics
from app.monitoring.readiness import Readiness
from app.prediction.predictor import Predictor
from app.routes import card, docs, health, home, metrics, openapi, predict, predict_file, protection
from app.settings import Settings

CANONICAL_PATHS = {f"{path}/": path for path in (predict.PATH, predict_file.PATH)}


class Service(FastAPI):
    """FastAPI within one pipeline of middleware; the one route that must be fast does without FastAPI."""

    pipeline: ASGIApp
    predict: predict.Predict
    needs_key: bool

    def __init__(self, contract: Contract, key_names: Collection[str]) -> None:
        self.metrics = Metrics(contract, key_names)
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
        StartupError: a setting is wrong, or the model is missing, changed, too new or unfit for its contract.
    """
    settings = settings or Settings.read()
    keys, public = settings.read_keys(), public_paths(settings.public)
    model = Model.load(settings.model_dir)
    app = Service(model.contract, sorted({*keys.values()}))
    app.pipeline = wrap(app.dispatch, list(list_middleware(app, settings, keys, public)))
    add_routes(app, model, settings)
    app.needs_key = bool(keys)
    if keys:
        protection.describe_keys(app.openapi(), public)
    if settings.rate_limit:
        protection.describe_limit(app.openapi())
    return app


def list_middleware(
    app: Service, settings: Settings, keys: Mapping[bytes, str], public: Collection[str]
) -> Iterator[Middleware]:
    """Yield the middleware that is switched on, outermost first.

    What turns an error into an answer stands outside what refuses, and what adds headers outside both, so
    that a refusal is counted, has its headers and can be read by a browser. The client is known before its
    key or its address counts.
    """
    yield Middleware(Measure, metrics=app.metrics)
    if settings.trusted_proxies:
        yield Middleware(Proxies, networks=settings.trusted_proxies)
    yield Middleware(SecurityHeaders)
    if settings.cors_origins:
        yield Middleware(Cors, origins=settings.cors_origins)
    yield Middleware(Problems, metrics=app.metrics)
    if keys:
        yield Middleware(Auth, names=keys, public=public, metrics=app.metrics)
    if settings.rate_limit:
        yield Middleware(RateLimit, limit=settings.rate_limit, key_names=sorted({*keys.values()}))
    yield Middleware(Methods)
    yield Middleware(BodyLimit, limit=settings.max_body_bytes)


def wrap(app: ASGIApp, middleware: Sequence[Middleware]) -> ASGIApp:
    """Return `app` within its middleware, which stands outermost first."""
    for cls, args, kwargs in reversed(middleware):
        app = cls(app, *args, **kwargs)
    return app


def add_routes(app: Service, model: Model, settings: Settings) -> None:
    contract = model.contract
    predictor = Predictor(model, app.metrics, settings.max_rows, settings.max_body_bytes)
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

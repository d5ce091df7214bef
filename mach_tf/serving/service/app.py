"""The service as an ASGI application: routes, limits and errors."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hmac
import logging
import time
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Callable, Optional

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mach_tf.serving.service import (
    attack_requests,
    bodies,
    named_features,
    openapi,
    own_requests,
    page,
    problems,
    rest_requests,
)
from mach_tf.serving.service.batcher import Batcher, BatchLimits
from mach_tf.serving.service.hang_ups import unless_hung_up
from mach_tf.serving.service.jobs import Arrays, Job
from mach_tf.serving.service.measurements import Measurements
from mach_tf.serving.service.own_requests import RequestLimits
from mach_tf.serving.service.problems import RequestError
from mach_tf.serving.service.served import Served
from mach_tf.serving.service.versions import Versions

_LOG = logging.getLogger("mach_tf.service")
# Without the token. The page holds nothing of the model; it asks for the token.
_OPEN_PATHS = ("/", "/healthz", "/readyz")
_CODES = {404: "not_found", 405: "method_not_allowed"}
# What logs of web servers call a client that hung up; nobody receives it.
_HUNG_UP = 499
# How long the end of the service waits for a call of the model: all requests are answered by then, or given up.
_LAST_CALL_SECONDS = 1.0
# The path of the measurements of requests for paths that do not exist.
_OTHER = "other"
_Handler = Callable[[Request], Awaitable[Response]]


@dataclasses.dataclass(frozen=True)
class ServiceConfig:
    """The settings of the service.

    Attributes:
      batches: how requests are batched.
      requests: what a request may ask for.
      reload_seconds: how often the folder is checked for a newer version; 0 never.
      token: what the header `Authorization: Bearer` must hold; None lets everyone in.
      attacks: whether there is POST /attack.
    """

    batches: BatchLimits = dataclasses.field(default_factory=BatchLimits)
    requests: RequestLimits = dataclasses.field(default_factory=RequestLimits)
    reload_seconds: float = 5.0
    token: Optional[str] = None
    attacks: bool = True


class Service:
    """Answers requests with the current version of a servable."""

    def __init__(self, versions: Versions, config: ServiceConfig):
        """Prepares the queue.

        Args:
          versions: the versions of the servable.
          config: the settings.
        """
        self._versions = versions
        self._config = config
        self._measurements = Measurements(lambda: self._batcher.queued, lambda: versions.current.version)
        self._batcher = Batcher(lambda job: job.served.answer(job), config.batches, self._measurements.batch)
        versions.observe(self._measurements.load)

    def app(self) -> Starlette:
        """Returns the application; its end waits for what was accepted."""
        name = self._versions.name

        def route(path: str, handler: _Handler, method: str = "GET") -> Route:
            return Route(path, self._measured(path, handler), methods=[method])

        model = f"/v1/models/{name}"
        routes = [
            route("/", self._page),
            route("/predict", self._predict, "POST"),
            route("/explain", self._explain, "POST"),
            *([route("/attack", self._attack, "POST")] if self._config.attacks else []),
            route("/openapi.json", self._openapi),
            route("/healthz", self._healthz),
            route("/readyz", self._readyz),
            route("/metrics", self._metrics),
            route(model, self._status),
            route(model + "/metadata", self._metadata),
            route(model + ":predict", self._rest_predict, "POST"),
            route(model + "/versions/{version:version}", self._status),
            route(model + "/versions/{version:version}/metadata", self._metadata),
            route(model + "/versions/{version:version}:predict", self._rest_predict, "POST"),
        ]
        handlers: Any = {HTTPException: self._http_error, Exception: self._defect}
        app = Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan)
        # A redirection from /predict/ would name the host that the request names.
        app.router.redirect_slashes = False
        return app

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._versions.watch(self._config.reload_seconds)
        yield
        await self._batcher.close(_LAST_CALL_SECONDS)
        self._versions.close()

    async def _answer(self, request: Request, job: Job, served: Served) -> Arrays:
        """Returns the answer of the version that the job was checked against, even if a newer one has taken its place."""
        self._config.requests.check_explained(job)
        return await unless_hung_up(request, self._batcher.submit(job._replace(served=served)))

    def _measured(self, path: str, handler: _Handler) -> _Handler:
        """Adds the token, the errors as JSON and the measurements."""

        async def measured(request: Request) -> Response:
            begin = time.perf_counter()
            try:
                if path not in _OPEN_PATHS:
                    self._check_token(request)
                response = await handler(request)
            except RequestError as error:
                self._measurements.refusal(error.code)
                response = _error(error)
            except asyncio.CancelledError:  # the server ends, and this request took too long
                response = _error(problems.stopping())
            except ClientDisconnect:
                response = Response(status_code=_HUNG_UP)
            except Exception:
                _LOG.exception("A request to %s failed.", path)
                response = _error(problems.internal())
            self._measurements.request(path, response.status_code, time.perf_counter() - begin)
            return response

        return measured

    def _check_token(self, request: Request) -> None:
        token = self._config.token
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if token is not None and not (
            scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
        ):
            raise problems.unauthorized()

    async def _page(self, _: Request) -> Response:
        return page.response()

    async def _healthz(self, _: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def _readyz(self, _: Request) -> Response:
        served = self._versions.current
        if not served.ready:
            raise problems.died()
        return JSONResponse({"status": "ready", "version": served.version})

    async def _metrics(self, _: Request) -> Response:
        return Response(self._measurements.text(), media_type="text/plain; version=0.0.4")

    async def _openapi(self, _: Request) -> Response:
        served, config = self._versions.current, self._config
        described = openapi.document(
            self._versions.name,
            served.contents,
            served.metadata,
            config.requests,
            served.examples,
            config.token is not None,
            served.named_features,
        )
        return JSONResponse(described)

    async def _predict(self, request: Request) -> Response:
        return await self._own(request)

    async def _explain(self, request: Request) -> Response:
        return await self._own(request, explain=True)

    async def _attack(self, request: Request) -> Response:
        return await self._own(request, attack=True)

    async def _own(self, request: Request, explain: bool = False, attack: bool = False) -> Response:
        served = self._versions.current
        contents = served.contents
        body = await self._body(request)
        if named_features.has_names(body):
            # The table of names is made at the first such request.
            body = named_features.with_ids(body, await run_in_threadpool(lambda: served.feature_ids))
        fields, limits = contents.text_fields or None, self._config.requests
        if attack:
            job = attack_requests.job(body, fields, contents.labels, limits)
        else:
            job = own_requests.job(body, explain, fields, contents.labels, limits)
        if job.signature not in served.specs:
            raise problems.invalid(
                "This servable has no attacks: its model has one label per point, or it is older than attacks; then export the model again."
                if attack
                else "This servable has no explanations: they are those of models of several labels per point with the estimator logit_mean."
            )
        found = await self._answer(request, job, served)
        texts = job.inputs.get("texts")
        if texts is not None:
            texts = texts.reshape(job.points, len(contents.text_fields))
        return JSONResponse(
            {
                "model": self._versions.name,
                "version": served.version,
                "predictions": attack_requests.answer(found) if attack else own_requests.answer(found, texts),
            }
        )

    async def _status(self, request: Request) -> Response:
        version = self._version(request)
        state = {
            "version": str(version.version),
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
        return JSONResponse({"model_version_status": [state]})

    async def _metadata(self, request: Request) -> Response:
        version = self._version(request)
        return JSONResponse(
            {
                "model_spec": {"name": self._versions.name, "signature_name": "", "version": str(version.version)},
                "metadata": {"signature_def": {"signature_def": version.metadata}},
            }
        )

    async def _rest_predict(self, request: Request) -> Response:
        version = self._version(request)
        body = await self._body(request)
        job, rows = rest_requests.read(body, version.specs, version.contents.labels, self._config.requests)
        found = await self._answer(request, job, version)
        return JSONResponse(rest_requests.answer(found, rows))

    def _version(self, request: Request) -> Served:
        current = self._versions.current
        asked = request.path_params.get("version", current.version)
        if asked != current.version:
            raise problems.not_found(f"Version {asked} is not served; version {current.version} is.")
        return current

    async def _body(self, request: Request) -> Any:
        return await bodies.read_json(request, self._config.requests.body_bytes, self._config.batches.timeout)

    async def _http_error(self, _: Request, error: HTTPException) -> Response:
        self._measurements.request(_OTHER, error.status_code, 0.0)
        code = _CODES.get(error.status_code, "refused")
        message = (
            f"{error.detail}. This service serves the model {self._versions.name}; see /openapi.json for what there is."
        )
        return _error(RequestError(error.status_code, code, message, headers=error.headers))

    async def _defect(self, request: Request, _: Exception) -> Response:
        return _error(problems.internal())


class _Version(Convertor[int]):
    """The number of a version in a path; the convertor of Starlette fails for thousands of digits."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("version", _Version())


def _error(error: RequestError) -> Response:
    return JSONResponse(error.to_json(), error.status, error.headers)

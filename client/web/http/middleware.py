"""Around every request: access checks, security headers, internal errors and counting."""

import logging
import time
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from web.gateway import Gateway
from web.http.access import require_known_host, require_own_site, require_utf8
from web.http.problems import MEDIA_TYPE as PROBLEM
from web.http.problems import ProblemError, problem_of_exception, problem_response

log = logging.getLogger("diarization_web")

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "img-src 'self' data:; media-src 'self' blob:; object-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
WEBSOCKET = "/v1/stream"  # the path of the only one
ORIGINAL_METHOD = "web.original_method"  # in a scope: HEAD, where its method says GET
OTHER = "other"  # label of unknown methods and paths: the number of labels must not grow
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
_FIRST_ERROR = 400
_CLIENT_CLOSED = 499  # as nginx logs it


class GatewayMiddleware:
    """The outermost layer of the app.

    An error that no handler has answered is logged here, and answered without its text.
    """

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self._app = app
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        started_s = time.monotonic()
        method = scope["method"] if scope["method"] in _METHODS else OTHER
        inner = {**scope, ORIGINAL_METHOD: method}
        if method == "HEAD":
            inner["method"] = "GET"
        try:
            self._check(scope, scope["method"])
            await self._app(inner, receive, answer.send)
        except ProblemError as problem:
            await problem_response(problem)(scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = answer.status or _CLIENT_CLOSED
        except Exception as error:
            log.exception("%s failed", _route(inner))
            if answer.status:
                raise
            await problem_response(problem_of_exception(error))(scope, receive, answer.send)
        finally:
            elapsed_s = time.monotonic() - started_s
            self._gateway.metrics.request(method, _route(inner), answer.status or 0, elapsed_s)

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a WebSocket through if a request that changes something would be."""
        status, started_s = HTTPStatus.SWITCHING_PROTOCOLS.value, time.monotonic()
        try:
            self._check(scope, "POST")  # browsers let every page open one, and say from where
            if scope["path"] != WEBSOCKET:
                raise ProblemError(404, f"no WebSocket is here, expected {WEBSOCKET}")
            await self._app(scope, receive, send)
        except ProblemError as problem:
            status = problem.status
            answer = problem_response(problem)
            answer.headers.update({**HEADERS, "Cache-Control": "no-store"})
            await WebSocket(scope, receive, send).send_denial_response(answer)
        finally:
            elapsed_s = time.monotonic() - started_s
            self._gateway.metrics.request("GET", _route(scope), status, elapsed_s)

    def _check(self, scope: Scope, method: str) -> None:
        headers = Headers(scope=scope)
        require_known_host(headers.get("host"), self._gateway.settings.allowed_hosts)
        require_own_site(method, headers)
        require_utf8(scope["raw_path"] + b"?" + scope["query_string"])


class _Answer:
    """Sends an answer with the security headers; `status` is 0 until it has begun.

    An error with another body, such as Starlette's plain text for files, becomes a problem.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._new_body: bytes | None = None
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if self.status >= _FIRST_ERROR:
                headers["Cache-Control"] = "no-store"  # an error may soon be over
                self._make_problem(headers)
        elif self._new_body is not None:
            if message.get("more_body"):
                return
            message = {**message, "body": self._new_body}
        await self._send(message)

    def _make_problem(self, headers: MutableHeaders) -> None:
        if headers.get("content-type") != PROBLEM:
            phrase = HTTPStatus(self.status).phrase
            problem = ProblemError(self.status, f"{phrase}: this request cannot be answered")
            self._new_body = bytes(problem_response(problem).body)
            headers["content-type"] = PROBLEM
            headers["content-length"] = str(len(self._new_body))


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", OTHER))

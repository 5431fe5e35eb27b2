"""Around every request: who may ask, what every answer carries, and what is counted."""

import logging
import time

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.gateway import Gateway
from web.guards import refuse_foreign_page, refuse_no_text, refuse_wrong_host
from web.problems import MEDIA_TYPE as PROBLEM
from web.problems import ProblemError, problem_response, unexpected, unexplained
from web.stored_file import ASKED_METHOD

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
NO_ROUTE = "other"  # of all paths that are none of ours: their number must not grow
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
_FIRST_ERROR = 400
_CLIENT_GONE = 499  # as nginx logs it


class Surroundings:
    """The outermost part of the app.

    An error that nothing else has answered is logged here, and answered without its text.
    """

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self._app = app
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        begun_s = time.monotonic()
        method = scope["method"] if scope["method"] in _METHODS else NO_ROUTE
        inner = {**scope, ASKED_METHOD: method}
        if method == "HEAD":
            inner["method"] = "GET"
        try:
            self._refuse(scope)
            await self._app(inner, receive, answer.send)
        except ProblemError as problem:
            await problem_response(problem)(scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = answer.status or _CLIENT_GONE
        except Exception as error:
            log.exception("%s failed", _route(inner))
            if answer.status:
                raise
            await problem_response(unexpected(error))(scope, receive, answer.send)
        finally:
            taken_s = time.monotonic() - begun_s
            self._gateway.metrics.request(method, _route(inner), answer.status or 0, taken_s)

    def _refuse(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        refuse_wrong_host(headers.get("host"), self._gateway.settings.allowed_hosts)
        refuse_foreign_page(scope["method"], headers)
        refuse_no_text(scope["raw_path"] + b"?" + scope["query_string"])


class _Answer:
    """Passes an answer on, with our headers; `status` is 0 until there is one.

    An error in another body, as Starlette's files have some in plain text, becomes a problem.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._body: bytes | None = None  # in place of the one that comes
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if self.status >= _FIRST_ERROR:
                headers["Cache-Control"] = "no-store"  # what is wrong now may be right soon
                self._make_problem(headers)
        elif self._body is not None:
            if message.get("more_body"):
                return
            message = {**message, "body": self._body}
        await self._send(message)

    def _make_problem(self, headers: MutableHeaders) -> None:
        if headers.get("content-type") != PROBLEM:
            self._body = bytes(problem_response(unexplained(self.status)).body)
            headers["content-type"] = PROBLEM
            headers["content-length"] = str(len(self._body))


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", NO_ROUTE))


def add_surroundings(app: FastAPI, gateway: Gateway) -> None:
    """Put them around an app."""
    app.add_middleware(Surroundings, gateway=gateway)

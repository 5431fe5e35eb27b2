"""The FastAPI app: routes, error handlers, middleware, and the files of the page."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from viewer.page import FOLDER
from web.api import diarize, jobs, service, stream
from web.api.documents import extend_openapi
from web.api.frames import asyncapi
from web.gateway import Gateway
from web.http.middleware import GatewayMiddleware
from web.http.problems import install_error_handlers

VERSION = "1"
PAGE_FOLDER = Path(__file__).with_name("page")  # frame.html and the files it loads
# Paths as in client/, so that an import is the same for browsers and for Node. Not "/": that would
# answer wrong methods of other routes.
PAGE, VIEWER = "web/page", "viewer"
_REVALIDATE = {"Cache-Control": "no-cache"}  # files of two versions must not meet after an update


def make_app(gateway: Gateway) -> FastAPI:
    """Make the app; the gateway starts and stops with it."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(gateway.start)
        sweeping = asyncio.create_task(gateway.sweep())
        try:
            yield
        finally:
            sweeping.cancel()
            await asyncio.to_thread(gateway.stop)

    app = FastAPI(
        title="Speaker diarization",
        version=VERSION,
        description="Who spoke when in a recording. Errors are problem details (RFC 9457).",
        lifespan=lifespan,
        docs_url=None,  # these pages load scripts of other sites
        redoc_url=None,
        redirect_slashes=False,  # a redirect would have to guess our own address
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.gateway = gateway
    install_error_handlers(app)
    for routes in (diarize, jobs, service, stream):
        app.include_router(routes.router)
    extend_openapi(app, needs_key=bool(gateway.settings.api_keys))
    _add_asyncapi(app, needs_key=bool(gateway.settings.api_keys))
    _add_page(app)
    app.add_middleware(GatewayMiddleware, gateway=gateway)
    return app


def _add_asyncapi(app: FastAPI, *, needs_key: bool) -> None:
    """Serve the description of the WebSocket beside that of the requests."""
    document = asyncapi(VERSION, needs_key=needs_key)

    @app.get("/asyncapi.json", include_in_schema=False)
    async def describe() -> JSONResponse:
        return JSONResponse(document)


def _add_page(app: FastAPI) -> None:
    """Serve the page at `/`, and all that it loads."""
    frame = _Files(PAGE_FOLDER, ".html")

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        return await frame.get_response("frame.html", request.scope)

    for path, folder in ((VIEWER, FOLDER), (PAGE, PAGE_FOLDER)):
        app.mount(f"/{path}", _Files(folder, ".js", ".css", ".svg"), name=path)


class _Files(StaticFiles):
    """The files of these types in a folder; a browser revalidates them each time."""

    def __init__(self, folder: Path, *suffixes: str) -> None:
        super().__init__(directory=folder)
        self._suffixes = suffixes

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not path.endswith(self._suffixes):
            path = ""  # not a file: 404
        answer = await super().get_response(path, scope)
        answer.headers.update(_REVALIDATE)
        return answer

"""The app: routes, errors, surroundings, and the page's files where there are some."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI

from web import routes_diarize, routes_health, routes_jobs, routes_view
from web.corrections import Correction
from web.error_handlers import install_error_handlers
from web.gateway import Gateway
from web.middleware import add_surroundings
from web.openapi import complete
from web.page_files import add_page
from web.problems import ProblemDocument

PAGE = Path(__file__).with_name("page")  # frame.html and all that it loads
VERSION = "1"
_SCHEMA_PLACE = "#/components/schemas/{model}"


def application(gateway: Gateway, page: Path = PAGE) -> FastAPI:
    """Put the app together; the gateway works as long as it is served."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(gateway.start)
        sweeping = asyncio.create_task(gateway.sweep_for_ever())
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
        redirect_slashes=False,  # one path for each thing, and no guess at our own address
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.gateway = gateway
    install_error_handlers(app)
    for routes in (routes_diarize, routes_jobs, routes_view, routes_health):
        app.include_router(routes.router)
    complete(app, _schemas(), bool(gateway.settings.api_keys))
    if page.is_dir():
        add_page(app, page)
    add_surroundings(app, gateway)
    return app


def _schemas() -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for model in (ProblemDocument, Correction):
        schema = model.model_json_schema(ref_template=_SCHEMA_PLACE)
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    return found

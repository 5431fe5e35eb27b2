"""The files of the page, and those of the viewer, which lie beside the report's Python."""

from hashlib import sha256
from pathlib import Path
from string import Template

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from viewer.page import FOLDER, VIEWER_SCRIPTS, VIEWER_STYLES

# Folders, as the page sees them. Not "/": that would answer for wrong methods of other routes.
PAGE, VIEWER = "page", "viewer"
_SERVED = (".js", ".css", ".svg")
# A browser asks each time whether a file has changed: after an update no two versions meet.
_ALWAYS_ASK = {"Cache-Control": "no-cache"}
_NOT_MODIFIED = 304


def add_page(app: FastAPI, page: Path) -> None:
    """Serve the page at `/`, and all that it loads."""
    text = frame(page / "frame.html")
    headers = {**_ALWAYS_ASK, "ETag": f'"{sha256(text.encode()).hexdigest()[:32]}"'}

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=_NOT_MODIFIED, headers=headers)
        return HTMLResponse(text, headers=headers)

    app.mount(f"/{VIEWER}", _Files(directory=FOLDER), name=VIEWER)
    app.mount(f"/{PAGE}", _Files(directory=page), name=PAGE)


def frame(template: Path) -> str:
    """Put the viewer's files into the page's frame, in the order in which they are read."""
    styles = [f'<link rel="stylesheet" href="{VIEWER}/{name}">' for name in VIEWER_STYLES]
    scripts = [f'<script defer src="{VIEWER}/{name}"></script>' for name in VIEWER_SCRIPTS]
    return Template(template.read_text(encoding="utf-8")).substitute(
        viewer="\n".join([*styles, *scripts])
    )


class _Files(StaticFiles):
    """Files for browsers, and no others of their folder."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not path.endswith(_SERVED):
            path = ""  # which is no file: 404
        answer = await super().get_response(path, scope)
        answer.headers.update(_ALWAYS_ASK)
        return answer

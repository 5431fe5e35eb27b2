"""About the gateway: its limits, whether it is alive, whether Triton is ready, and the metrics."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from web.api.documents import problems
from web.gateway import TheGateway
from web.http.metrics import MEDIA_TYPE

router = APIRouter()

_OK: dict[str, Any] = {"content": {"text/plain": {"schema": {"const": "ok\n"}}}}


class Limits(BaseModel):
    """What the gateway accepts, and how long it keeps it."""

    most_upload_bytes: int = Field(description="Size limit of a file.")
    keep_s: float = Field(description="Seconds that a job is kept after its end or a correction.")


@router.get("/v1/limits", summary="Get the limits", responses=problems())
async def get_limits(gateway: TheGateway) -> Limits:
    """Get what the gateway accepts, and how long it keeps it."""
    settings = gateway.settings
    return Limits(most_upload_bytes=settings.max_upload_bytes, keep_s=settings.keep_s)


@router.get(
    "/healthz",
    summary="Check whether recordings can be diarized",
    response_class=Response,
    responses={200: {"description": "Triton's model is ready.", **_OK}, **problems(503)},
)
async def healthz(gateway: TheGateway) -> Response:
    """Check that Triton's model is ready."""
    await gateway.check_triton()
    return _ok()


@router.get(
    "/livez",
    summary="Check whether the gateway is alive",
    response_class=Response,
    responses={200: {"description": "It is.", **_OK}, **problems()},
)
async def livez() -> Response:
    """Answer, without a call to Triton."""
    return _ok()


@router.get(
    "/metrics",
    summary="Get the gateway's metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus' text format.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problems(),
    },
)
def metrics(gateway: TheGateway) -> Response:
    """Get the gateway's own metrics; Triton has others."""
    return Response(gateway.metrics.text(), headers={"Content-Type": MEDIA_TYPE})


def _ok() -> Response:
    return Response("ok\n", headers={"Content-Type": "text/plain; charset=utf-8"})

"""Whether the gateway lives and Triton is ready, and the metrics."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from web.gateway import TheGateway
from web.metrics import MEDIA_TYPE
from web.openapi import problems

router = APIRouter()

_OK: dict[str, Any] = {"content": {"text/plain": {"schema": {"const": "ok\n"}}}}


@router.get(
    "/healthz",
    summary="Tell whether recordings can be diarized",
    response_class=Response,
    responses={200: {"description": "Triton's model is ready.", **_OK}, **problems(503)},
)
async def healthz(gateway: TheGateway) -> Response:
    """Ask Triton whether the model is ready."""
    await gateway.check_triton()
    return _ok()


@router.get(
    "/livez",
    summary="Tell whether the gateway lives",
    response_class=Response,
    responses={200: {"description": "It does.", **_OK}, **problems()},
)
async def livez() -> Response:
    """Answer, without asking Triton."""
    return _ok()


@router.get(
    "/metrics",
    summary="Tell what the gateway has done",
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
    """Tell the gateway's own metrics; Triton has others."""
    return Response(gateway.metrics.text(), headers={"Content-Type": MEDIA_TYPE})


def _ok() -> Response:
    return Response("ok\n", headers={"Content-Type": "text/plain; charset=utf-8"})

"""Whether the models of a server answer: each that is quiet gets a tiny request.

Triton stays ready when a model hangs. A model that is only busy answers late, but goes on with the
requests of others; one that hangs answers nothing.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

EVERY_S = 5.0
ANSWERED_WITHIN_S = 15.0  # a call of an inner model takes less than a second
# Sizes that every network of the kind takes: two seconds at most of silence, one window, one chunk.
SHAPES: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "sad": ("samples", (1, 512)),
    "segmentation": ("wav", (1, 1, 160_000)),
    "speaker_model": ("feats", (1, 98, 80)),
}
RUN = "run"
PING = "ping"  # the parameter of a request of `run` that holds nothing and is answered by nothing
FLOAT_BYTES = 4


def probe(model: str) -> pb.ModelInferRequest:
    """The tiny request of a model."""
    if model == RUN:
        return pb.ModelInferRequest(
            model_name=RUN, parameters={PING: pb.InferParameter(bool_param=True)}
        )
    name, shape = SHAPES[model]
    silence = bytes(FLOAT_BYTES * math.prod(shape))
    tensor = pb.ModelInferRequest.InferInputTensor(name=name, datatype="FP32", shape=shape)
    return pb.ModelInferRequest(model_name=model, inputs=[tensor], raw_input_contents=[silence])


class Progress:
    """Which probes wait, and whether their models finish anything meanwhile.

    Parameters
    ----------
    clock
        Seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: dict[str, float] = {}  # model -> since when its probe waits
        self._counts: dict[str, int] = {}
        self._moved: dict[str, float] = {}  # model -> when it last finished a request

    def asked(self, model: str) -> None:
        """Note that a probe was sent."""
        self._asked[model] = self._clock()

    def answered(self, model: str) -> None:
        """Note that the probe came back, whatever it said."""
        del self._asked[model]

    def is_quiet(self, model: str) -> bool:
        """Whether a model has not finished anything lately, and no probe of it waits."""
        lately = self._clock() - self._moved.get(model, -math.inf) < EVERY_S
        return not lately and model not in self._asked

    def finished(self, counts: Mapping[str, int]) -> None:
        """Note how many requests each model has finished so far."""
        now_s = self._clock()
        moved = (model for model, count in counts.items() if count != self._counts.get(model))
        self._moved.update(dict.fromkeys(moved, now_s))
        self._counts = dict(counts)

    def hanging(self) -> list[str]:
        """Models whose probe waits although they finish nothing."""
        latest_s = self._clock() - ANSWERED_WITHIN_S
        return [
            model
            for model, since_s in self._asked.items()
            if max(since_s, self._moved.get(model, since_s)) < latest_s
        ]


class Prober:
    """Probes the models of a server, over and over.

    Parameters
    ----------
    stub
        Of the server's gRPC service, asynchronous.
    metadata
        Headers that the server may want for every call.
    is_idle
        Whether no client's request is under way. Only then `run` is probed: it works on long
        recordings, and the probe would wait behind them.
    """

    def __init__(
        self,
        stub: GRPCInferenceServiceStub,
        metadata: Sequence[tuple[str, str]],
        is_idle: Callable[[], bool],
    ) -> None:
        self._stub, self._metadata, self._is_idle = stub, metadata, is_idle
        self._progress = Progress()
        self._tasks: set[asyncio.Task[None]] = set()

    def hanging(self) -> list[str]:
        """Models that hang."""
        return self._progress.hanging()

    async def run(self) -> None:
        """Probe until cancelled; a model that has just finished a request needs no probe."""
        while True:
            with contextlib.suppress(grpc.RpcError):
                self._progress.finished(await self._counts())
            models = [*SHAPES, RUN] if self._is_idle() else [*SHAPES]
            for model in filter(self._progress.is_quiet, models):
                self._progress.asked(model)
                task = asyncio.create_task(self._probe(model))
                self._tasks.add(task)  # asyncio itself would forget it
                task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(EVERY_S)

    async def _probe(self, model: str) -> None:
        try:
            with contextlib.suppress(grpc.RpcError):  # an error is an answer too
                await self._stub.ModelInfer(probe(model), metadata=self._metadata)
        finally:
            self._progress.answered(model)

    async def _counts(self) -> dict[str, int]:
        answer = await self._stub.ModelStatistics(
            pb.ModelStatisticsRequest(), metadata=self._metadata, timeout=EVERY_S
        )
        return {
            each.name: each.inference_stats.success.count + each.inference_stats.fail.count
            for each in answer.model_stats
        }

"""Triton model `stream`: requests -> `diarization.live` -> events.

One process holds all sessions. Triton hands over what has arrived since the last call, so pieces of
several sessions are processed together. It uses no sequence batcher: a session that Triton's
batcher refuses keeps its slot until it has been idle for long, one that outlives the server cannot
be continued, and a further one waits instead of being refused.
"""

import json
import re
import sys
from collections import Counter, deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "run" / "1"))  # the library is that of `run`

from diarization.bls import ServerModels, speaker_network, triton_error  # noqa: E402
from diarization.channels import require_workable  # noqa: E402
from diarization.drain_lock import hold_drain_lock  # noqa: E402
from diarization.errors import (  # noqa: E402
    InvalidInputError,
    OverLimitError,
    SessionsFullError,
)
from diarization.live.calls import run_together  # noqa: E402
from diarization.live.request import LiveRequest, parse_live_request  # noqa: E402
from diarization.live.result import result_of  # noqa: E402
from diarization.live.session import Session  # noqa: E402
from diarization.measurements import Measurements  # noqa: E402
from diarization.metrics import LiveMetrics  # noqa: E402
from diarization.options import parse_options  # noqa: E402
from sessions import Sessions  # noqa: E402

OPTION = re.compile(r'key:\s*"([^"]+)"[\s,]*value:?\s*\{\s*string_value:\s*"([^"]*)"')
LONGEST_PIECE_S = 10
TIDY_EVERY_S = 1.0
# Of Python's threads. Most steps of numpy let the other thread run, which then keeps the
# interpreter for so long: with the usual 5 ms a piece takes seconds while a result is computed.
SWITCH_S = 1e-4
INPUTS = ("samples", "pcm")

Asked = tuple[int, LiveRequest, NDArray[Any]]  # number of a request, its parameters and samples


class TritonPythonModel:
    """The one instance."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the options of `run` and of the sessions."""
        threadpool_limits(1)
        sys.setswitchinterval(SWITCH_S)
        self.options = parse_options(options_in((REPOSITORY / "run" / "config.pbtxt").read_text()))
        own = json.loads(args["model_config"])["parameters"]
        most, idle_s = (own[f"sessions.{name}"]["string_value"] for name in ("most", "idle_s"))
        network = speaker_network(Path(args["model_repository"]).parent)
        self.sessions = Sessions(self.options, int(most), float(idle_s), network)
        self.models = ServerModels(self.options.calls, Measurements(), lambda: False)
        self.metrics = LiveMetrics()
        self.heard_s, self.n_refused = 0.0, 0  # since the metrics were reported
        self.lock = Lock()  # of the sessions
        self.worker = ThreadPoolExecutor(1)
        self.deferred: Counter[str] = Counter()  # requests that the worker has, by session
        self.ending = Event()
        self.tidying = Thread(target=self._tidy_until_the_end, daemon=True)
        self.tidying.start()

    def finalize(self) -> None:
        """End the threads; the process crashes if one still has metrics when it ends."""
        self.ending.set()
        self.tidying.join(TIDY_EVERY_S)
        self.worker.shutdown(wait=False)
        self.sessions.close()

    def _tidy_until_the_end(self) -> None:
        while not self.ending.wait(TIDY_EVERY_S):
            with self.lock:
                n_idle = self.sessions.purge()
                self.metrics.report(len(self.sessions), self.heard_s, self.n_refused, n_idle)
                self.heard_s, self.n_refused = 0.0, 0

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer all requests; those of one session in order, those of several together.

        The end of a session, and what follows it, is answered later in another thread: the result
        of an hour takes seconds, in which other sessions go on.
        """
        with self.lock:
            return self._execute(requests)

    def _execute(self, requests: list[Any]) -> list[Any]:
        responses: dict[int, Any] = {}
        waiting: dict[str, deque[Asked]] = {}
        for number, request in enumerate(requests):
            try:
                asked = parse_live_request(json.loads(request.parameters() or "{}"), self.options)
                samples = sent_samples(request)
            except Exception as error:
                responses[number] = pb_utils.InferenceResponse([], triton_error(error))
                continue
            if asked.end or self.deferred[asked.session]:
                self.deferred[asked.session] += 1
                sender = request.get_response_sender()
                self.worker.submit(self._answer_later, sender, (number, asked, samples.copy()))
                responses[number] = None
            else:
                waiting.setdefault(asked.session, deque()).append((number, asked, samples))
        while waiting:
            responses |= self._answers([each.popleft() for each in waiting.values()])
            waiting = {name: each for name, each in waiting.items() if each}
        return [responses[number] for number in range(len(requests))]

    def _answer_later(self, sender: Any, asked: Asked) -> None:  # noqa: ANN401
        with self.lock:
            (response,) = self._answers([asked]).values()
            self.deferred -= Counter([asked[1].session])
        sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def _answers(self, group: list[Asked]) -> dict[int, Any]:
        steps = [self._step(asked, samples) for _, asked, samples in group]
        calls = self.options.calls
        results = run_together(steps, self.models, calls.chunks, calls.windows)
        self.n_refused += sum(isinstance(result, SessionsFullError) for result in results)
        return {
            number: pb_utils.InferenceResponse([], triton_error(result))
            if isinstance(result, Exception)
            else pb_utils.InferenceResponse([pb_utils.Tensor("EVENTS", result)])
            for (number, _, _), result in zip(group, results, strict=True)
        }

    def _step(
        self, asked: LiveRequest, samples: NDArray[Any]
    ) -> Generator[Any, Any, NDArray[np.object_]]:
        """Hear what a request brings, and return its answer."""
        with hold_drain_lock():
            session = (
                self.sessions.start(asked.session, asked.start)
                if asked.start
                else self.sessions.get(asked.session)
            )
            piece = new_samples(samples, asked, session, self.options.limits.audio_s)
            session.forget(asked.seen)
            if not session.has_result:
                yield from session.hear(piece)
                self.heard_s += len(piece) / session.live.rate_hz
            if asked.end and not session.has_result:
                yield from session.end()
                with released(self.lock):
                    found = result_of(session, self.models, self.options, lambda _: nullcontext())
                session.add_result(found)
            self.sessions.save(asked.session)
        answer = {"received": session.n_received, "events": session.events}
        return np.array([[json.dumps(answer).encode()]], np.object_)


@contextmanager
def released(lock: Lock) -> Iterator[None]:
    """Release a lock inside the block."""
    lock.release()
    try:
        yield
    finally:
        lock.acquire()


def sent_samples(request: Any) -> NDArray[Any]:  # noqa: ANN401 - the server's types exist only inside it
    """The samples of a request, float32 or int16, shape=(n,); n is 0 if it has none."""
    sent = {name: pb_utils.get_input_tensor_by_name(request, name) for name in INPUTS}
    given = [name for name, tensor in sent.items() if tensor is not None]
    if len(given) > 1:
        raise InvalidInputError("inputs: got samples and pcm, expected one of them")
    if not given:
        return np.empty(0, np.float32)
    values: NDArray[Any] = sent[given[0]].as_numpy()
    if values.ndim != 2 or len(values) != 1:  # noqa: PLR2004
        raise InvalidInputError(
            f"{given[0]}: got shape {list(values.shape)}, expected [1, samples]"
        )
    return values[0]


def new_samples(
    piece: NDArray[Any], asked: LiveRequest, session: Session, most_s: float
) -> NDArray[Any]:
    """The part of a piece that the session has not received yet.

    Raises
    ------
    InvalidInputError
        If it does not fit the session.
    InvalidAudioError
        If a sample is not finite, or huge.
    """
    rate_hz, n_received = session.live.rate_hz, session.n_received
    if len(piece) > LONGEST_PIECE_S * rate_hz:
        raise InvalidInputError(
            f"got {len(piece) / rate_hz:.1f} s of audio at once, "
            f"expected at most {LONGEST_PIECE_S} s"
        )
    if asked.position > n_received:
        raise InvalidInputError(
            f"parameter 'position': got {asked.position}, expected at most {n_received}, "
            "the number of samples received so far"
        )
    piece = piece[n_received - asked.position :]
    if len(piece) == 0:
        return piece
    if session.ended:
        raise InvalidInputError("got audio after the end of the session, expected none")
    known = session.sample_type
    if known is not None and piece.dtype != known:
        raise InvalidInputError(f"got samples of type {piece.dtype}, expected {known} as before")
    if n_received + len(piece) > most_s * rate_hz:
        raise OverLimitError(f"got more than {most_s:g} s of audio, expected a new session")
    require_workable(piece)
    return piece


def options_in(config: str) -> dict[str, str]:
    """Name and value of each parameter in a `config.pbtxt`."""
    code = "\n".join(line.partition("#")[0] for line in config.splitlines())
    return dict(OPTION.findall(code))

"""The WebSocket /v1/stream: live audio comes in, the events of the model `stream` go out.

The session is the server's, so a client continues it over a new connection, or through another
gateway; this one has no more of it than the audio, if that is kept. An event must not be lost with
a connection, so the server may forget it only when the client has it. A client that sends samples
beyond the credit of one `ack` has received a later one, and so every event before that.
"""

import asyncio
import contextlib
import json
import logging
from collections import deque
from typing import Any, NamedTuple

import numpy as np
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect
from tritonclient.grpc import InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from console.options import LIVE_MODEL
from formats.result import FormatError
from live.session import EVENTS, NO_AUDIO, PIECE_TIMEOUT_S, Event, pcm_inputs
from live.sources import Pcm
from sending import addresses
from sending.errors import is_late, is_refused, is_transient, reason
from sending.service import SESSION_HEADER, channel_arguments, encryption
from web.api.frames import End, Frame, Resume, Start, parse_frame
from web.gateway import Gateway, TheGateway
from web.http.middleware import WEBSOCKET
from web.http.problems import ProblemError, problem_of_exception
from web.jobs.live_files import HEADER_BYTES
from web.jobs.store import new_id
from web.settings import Settings

log = logging.getLogger("diarization_web")

CREDIT = 480_000  # samples: 10 s at the highest rate
MAX_FRAME_BYTES = 2 * CREDIT
PIECE = 80_000  # samples of one request: 10 s at the lowest rate, the most that the model takes
FIRST_FRAME_WITHIN_S = 10.0
FRAME_WITHIN_S = 300.0
SEND_WITHIN_S = 60.0
_DONE, _BAD, _FAILED, _TRY_AGAIN_LATER = 1000, 1008, 1011, 1013  # RFC 6455
_LATER = (429, 503)
_FIRST_FAILURE = 500

router = APIRouter()


@router.websocket(WEBSOCKET)
async def stream(websocket: WebSocket, gateway: TheGateway) -> None:
    """Serve one connection; every error is a frame, since browsers hide failed handshakes."""
    await websocket.accept()
    try:
        first = await _first_frame(websocket)
        headers = {"x-api-key": first.key} if first.key else {}
        gateway.admit(websocket, {**headers, **websocket.headers})
        with gateway.stream_slot(websocket):
            await _serve(websocket, first, gateway)
        await _close(websocket, _DONE)
    except (WebSocketDisconnect, asyncio.TimeoutError):
        return  # the client may come back
    except ProblemError as problem:
        await _refuse(websocket, problem)
    except Exception as error:
        log.exception("a live stream failed")
        await _refuse(websocket, problem_of_exception(error))


async def _serve(websocket: WebSocket, first: Start | Resume, gateway: Gateway) -> None:
    settings = gateway.settings
    if isinstance(first, Resume):
        name = first.session
    else:
        name = await asyncio.to_thread(addresses.new_session, settings.url, new_id)
    url, tls = addresses.home_of(name, settings.url), settings.access.tls
    async with InferenceServerClient(
        url, channel_args=channel_arguments(url), **encryption(tls)
    ) as client:
        connection = _Connection(websocket, _Session(client, name, settings), gateway)
        await connection.begin(first)
        reading = asyncio.create_task(connection.read())
        try:
            await connection.pass_on()
        finally:
            reading.cancel()


async def _refuse(websocket: WebSocket, problem: ProblemError) -> None:
    """Say what is wrong, and close."""
    frame = problem.document.model_dump(exclude={"type"}, exclude_defaults=True)
    code = _BAD if problem.status < _FIRST_FAILURE else _FAILED
    if problem.status in _LATER:
        code = _TRY_AGAIN_LATER
    with contextlib.suppress(WebSocketDisconnect, asyncio.TimeoutError):
        await _send(websocket, {"type": "error", **frame})
        await _close(websocket, code)


async def _send(websocket: WebSocket, frame: dict[str, Any]) -> None:
    # With a limit: a client that reads nothing would keep its place for ever.
    try:
        await asyncio.wait_for(websocket.send_text(json.dumps(frame)), SEND_WITHIN_S)
    except RuntimeError as error:  # uvicorn has closed: a ping was not answered
        raise WebSocketDisconnect from error


async def _close(websocket: WebSocket, code: int) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await websocket.close(code)


async def _first_frame(websocket: WebSocket) -> Start | Resume:
    frame = await _next_frame(websocket, FIRST_FRAME_WITHIN_S)
    if isinstance(frame, bytes | End):
        got = "audio" if isinstance(frame, bytes) else "'end'"
        raise ProblemError(400, f"got {got} as the first frame, expected 'start' or 'resume'")
    return frame


async def _next_frame(websocket: WebSocket, within_s: float) -> Frame | bytes:
    """Receive a frame: audio, or what a text says; WebSocketDisconnect at the connection's end."""
    try:
        message = await asyncio.wait_for(websocket.receive(), within_s)
    except asyncio.TimeoutError as error:
        raise ProblemError(408, f"got no frame within {within_s:g} s, expected one") from error
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    audio = message.get("bytes")
    return parse_frame(message["text"]) if audio is None else bytes(audio)


class _Session:
    """A session of the model `stream`."""

    def __init__(self, client: InferenceServerClient, name: str, settings: Settings) -> None:
        self.name = name
        self._client = client
        self._settings = settings

    async def ask(
        self, samples: Pcm, position: int, seen: int, **more: int | str | bool
    ) -> tuple[int, list[Event]]:
        """Send samples, the first of them number `position`.

        Returns
        -------
        int, list of Event
            How many samples the server has, and the events after `seen`.

        Raises
        ------
        ProblemError
            If the server refuses them, is away or fails.
        """
        timeout_s = self._settings.timeout_s
        if "end" not in more:
            timeout_s = min(timeout_s, PIECE_TIMEOUT_S)
        try:
            answer = await self._client.infer(
                LIVE_MODEL,
                pcm_inputs(samples),
                outputs=[InferRequestedOutput(EVENTS)],
                client_timeout=timeout_s,
                headers={**self._settings.access.headers, SESSION_HEADER: self.name},
                parameters={"session": self.name, "position": position, "seen": seen, **more},
            )
            document = json.loads(answer.as_numpy(EVENTS).item())
            return document["received"], document["events"]
        except InferenceServerException as error:
            raise _problem(error, timeout_s) from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _unreadable() from error


def _problem(error: InferenceServerException, timeout_s: float) -> ProblemError:
    """Say why the server gave no answer, with the status that REST gives it."""
    why = reason(error, timeout_s)
    if is_refused(error):
        return ProblemError(422, why)
    if is_transient(error) or is_late(error):
        return ProblemError(503, why)
    if error.status() == "StatusCode.NOT_FOUND":
        return ProblemError(404, why)
    log.warning("a live session failed: %s", why)
    return ProblemError(502, why)


def _unreadable() -> ProblemError:
    return ProblemError(502, "the answer of the diarization server cannot be read")


class _Ack(NamedTuple):
    """What a client was sent: how many samples the server has, and the last event before it."""

    n_received: int
    seq: int


class _Connection:
    """A connection of a client: frames are read at once, and passed on as the server gets on."""

    def __init__(self, websocket: WebSocket, session: _Session, gateway: Gateway) -> None:
        self._websocket = websocket
        self._session = session
        self._gateway = gateway
        self._keeps = False
        self._audio = bytearray()  # to be passed on
        self._n_sent = 0  # samples of the session that the client has sent
        self._seq = 0  # of the last event that was sent
        self._acks: deque[_Ack] = deque()  # from the last one that the client is known to have
        self._ended = self._has_result = False
        self._trouble: Exception | None = None
        self._news = asyncio.Event()

    async def begin(self, first: Start | Resume) -> None:
        """Start or continue the session, and send how far it is."""
        name, live = self._session.name, self._gateway.store.live
        if isinstance(first, Start):
            if first.keep:
                self._gateway.require_growth(0, HEADER_BYTES)
            start = {"start": True, **first.parameters()}
            self._n_sent, events = await self._session.ask(NO_AUDIO, 0, 0, **start)
            if first.keep:
                job = first.job(name, self._gateway.clock())
                record = job.model_dump_json().encode()
                await asyncio.to_thread(live.create, name, first.rate_hz, record)
                self._keeps = True
        else:
            self._seq = first.last_seq
            self._n_sent, events = await self._session.ask(NO_AUDIO, 0, self._seq)
            self._keeps = live.has(name, self._n_sent)
        await self._send_received("started", self._n_sent, session=name)
        await self._send_events(events)

    async def read(self) -> None:
        """Read frames until there is trouble, such as the end of the connection."""
        try:
            while True:
                self._take(await _next_frame(self._websocket, FRAME_WITHIN_S))
                self._news.set()
        except Exception as error:
            self._trouble = error
            self._news.set()

    async def pass_on(self) -> None:
        """Pass on what is read, and send the events, until the result; raise what `read` met."""
        while not self._has_result:
            await self._news.wait()
            self._news.clear()
            while self._audio:
                await self._pass_on_piece()
            if self._ended:
                _, events = await self._session.ask(
                    NO_AUDIO, self._n_sent, self._n_known(), end=True
                )
                await self._send_events(events)
                if not self._has_result:
                    raise _unreadable()
            elif self._trouble:
                raise self._trouble

    def _take(self, frame: Frame | bytes) -> None:
        if self._ended:
            raise ProblemError(400, "got a frame after 'end', expected none")
        if isinstance(frame, bytes):
            self._take_audio(frame)
        elif isinstance(frame, End):
            self._ended = True
        else:
            raise ProblemError(
                400, f"got '{frame.type}' in a session that goes on, expected audio or 'end'"
            )

    def _take_audio(self, audio: bytes) -> None:
        n_samples, rest = divmod(len(audio), 2)
        if rest:
            raise ProblemError(400, f"got {len(audio)} bytes of audio, expected 2 per sample")
        n_sent, n_most = self._n_sent + n_samples, self._acks[-1].n_received + CREDIT
        if n_sent > n_most:
            raise ProblemError(
                413, f"got audio up to sample {n_sent}, expected at most {n_most} until an 'ack'"
            )
        self._audio += audio
        self._n_sent = n_sent

    async def _pass_on_piece(self) -> None:
        position = self._n_sent - len(self._audio) // 2
        piece = bytes(self._audio[: 2 * PIECE])
        if self._keeps:
            self._keep(position, piece)
        samples = np.frombuffer(piece, np.dtype("<i2"))
        n_received, events = await self._session.ask(samples, position, self._n_known())
        if n_received < position + len(samples):
            raise _unreadable()
        del self._audio[: samples.nbytes]
        await self._send_events(events)
        await self._send_received("ack", position + len(samples))

    def _keep(self, position: int, piece: bytes) -> None:
        self._gateway.require_growth(HEADER_BYTES + 2 * position, len(piece))
        try:
            self._gateway.store.live.write(self._session.name, position, piece)
        except FileNotFoundError:  # removed meanwhile
            self._keeps = False

    async def _make_job(self, result: Event) -> None:
        """Make a job of what was kept, before the client can ask for it."""
        make, name = self._gateway.store.end_live, self._session.name
        try:
            await asyncio.to_thread(make, name, self._n_sent, result)
        except (FormatError, KeyError) as error:
            raise _unreadable() from error

    def _n_known(self) -> int:
        """Number of events that the client is known to have."""
        while self._acks[0].n_received + CREDIT < self._n_sent:
            self._acks.popleft()
        return self._acks[0].seq

    async def _send_events(self, events: list[Event]) -> None:
        for event in events:
            if event["seq"] > self._seq:
                self._seq = event["seq"]
                if event["type"] == "result":
                    self._has_result = True
                    if self._keeps:
                        await self._make_job(event)
                await _send(self._websocket, event)

    async def _send_received(self, kind: str, n_received: int, **more: str) -> None:
        self._acks.append(_Ack(n_received, self._seq))
        frame = {"type": kind, **more, "received": n_received, "credit": CREDIT}
        await _send(self._websocket, frame)

"""A live run: audio from its source to the server, events to the screen, the result to files."""

import argparse
import contextlib
import functools
import threading
import time
import uuid
from collections.abc import Callable, Generator

import numpy as np

from console.options import request_parameters
from console.run_report import log
from inputs.audio_files import AudioError
from inputs.recordings import Recording
from live.feed import Feed
from live.screen import Named, Screen, screen_for
from live.session import Event, Session, SessionError
from live.sources import open_source
from sending import addresses
from sending.in_flight import defer_interrupt
from sending.outcome import Answer, Failure, Outcome
from sending.run import Run, write_and_score
from sending.service import Service

PIECE_S = {"0.5": 0.25}  # by latency; else:
DEFAULT_PIECE_S = 0.5
MOST_PIECE_S = 10  # that the server takes
KEEP_ALIVE_S = 60.0  # the server removes a session without requests
_POLL_S = 0.2


def stream_and_score(options: argparse.Namespace, run: Run) -> bool:
    """Diarize live audio, write and score its result; return whether nothing failed."""
    return write_and_score(options, run, _outcomes(options, run))


def _outcomes(options: argparse.Namespace, run: Run) -> Generator[Outcome, None, None]:
    """Yield the outcome of the one recording."""
    (recording,) = run.recordings
    name = addresses.new_session(options.url, lambda: uuid.uuid4().hex)
    with run.connect(options, addresses.home_of(name, options.url)) as service:
        service.check()
        run.sink.begin()
        try:
            yield _diarized(options, run, recording, service, name)
        except AudioError as error:
            yield Failure(recording, str(error))
        except SessionError as error:
            yield error.failure


def _diarized(
    options: argparse.Namespace, run: Run, recording: Recording, service: Service, name: str
) -> Answer:
    started_s = time.monotonic()
    stopping = threading.Event()
    with contextlib.ExitStack() as until_the_end:
        source = open_source(options, recording.path, stopping.wait, until_the_end)
        start = {
            **request_parameters(options),
            "session": name,
            "rate_hz": source.rate_hz,
            "latency_s": options.latency,
            **({"voices": True} if options.voices else {}),
        }
        session = Session(service, recording, start, run.retries, options.timeout)
        names_of = functools.partial(run.naming.enrolled_names, recording)
        screen = Named(screen_for(options), names_of)
        until_the_end.callback(screen.close)
        feed = until_the_end.enter_context(Feed(source.blocks, source.rate_hz))
        until_the_end.callback(stopping.set)
        interrupted = until_the_end.enter_context(defer_interrupt())
        least = round(PIECE_S.get(options.latency, DEFAULT_PIECE_S) * source.rate_hz)
        send_all(feed, session, screen, (least, MOST_PIECE_S * source.rate_hz), interrupted)
        if feed.error:
            log.warning("%s: the audio ends early: %s", recording.recording_id, feed.error)
        result = _end(session, screen)
    return _answer(recording, result, time.monotonic() - started_s)


def send_all(
    feed: Feed,
    session: Session,
    screen: Screen,
    piece: tuple[int, int],
    interrupted: Callable[[], bool],
) -> None:
    """Send all audio in pieces of `piece` samples: the least, and the most where it lags behind."""
    least, most = piece
    while not feed.is_over:
        _wait(feed, least, interrupted)
        _show(screen, session.send(feed.take(most)))


def _wait(feed: Feed, least: int, interrupted: Callable[[], bool]) -> None:
    """Wait for audio, but not so long that the server removes the session."""
    for _ in range(round(KEEP_ALIVE_S / _POLL_S)):
        if interrupted():
            feed.stop()
        if feed.wait(least, _POLL_S):
            return


def _end(session: Session, screen: Screen) -> Event:
    """End the session and return its result."""
    events = session.end()
    _show(screen, events)
    return session.result_in(events)


def _answer(recording: Recording, result: Event, elapsed_s: float) -> Answer:
    embeddings = result.get("embeddings")  # only if names are to be found
    return Answer(
        recording,
        str(result["rttm"]).encode(),
        result["info"],
        elapsed_s,
        result["confidences"],
        result.get("labels"),
        None if embeddings is None else np.array(embeddings, np.float32, ndmin=2),
    )


def _show(screen: Screen, events: list[Event]) -> None:
    for event in events:
        screen.show(event)

"""The WebSocket: frames, events, lost connections, credit, errors, and who may open one."""

import contextlib
import json
import threading
from dataclasses import replace

import grpc
import numpy as np
import pytest

from gateways import serving, wait_until
from integration.client_fake_live import rttm_of
from integration.client_fake_server import RefusalError
from live_streams import streaming
from web.api import stream as module

RATE_HZ = 8000
SECOND = np.arange(RATE_HZ, dtype=np.int16)
UNKNOWN = "0123456789abcdef"


def resume(session, last_seq=0):
    return json.dumps({"type": "resume", "session": session, "last_seq": last_seq})


def numbers(events):
    return [event["seq"] for event in events]


def test_audio_goes_in_events_and_the_result_come_out(stream, live):
    started = stream.begin(recording_id="talk", max_speakers=3, latency_s="1", exclusive=True)
    for _ in range(2):
        stream.say(SECOND)
    stream.send("end")

    assert stream.close_code() == 1000
    assert live.only.start == {
        "recording_id": "talk", "max_speakers": 3, "latency_s": "1", "exclusive": True,
        "rate_hz": RATE_HZ,
    }  # fmt: skip
    np.testing.assert_array_equal(live.only.audio, np.tile(SECOND, 2))
    assert (started["received"], started["credit"]) == (0, 480_000)
    assert numbers(stream.events) == list(range(1, len(stream.events) + 1))
    assert stream.events[-1]["rttm"] == rttm_of(live.only)
    assert [each["end_s"] for each in stream.events if each["type"] == "turn"] == [1, 2]


def test_events_come_before_the_ack_of_their_audio(stream):
    stream.begin()
    stream.say(SECOND)

    assert stream.until("ack") == {"type": "ack", "received": RATE_HZ, "credit": 480_000}
    assert [frame["type"] for frame in stream.frames] == ["started", "turn", "progress", "ack"]


def test_audio_that_waited_is_passed_on_together(stream, live):
    busy = threading.Event()
    stream.begin()
    live.before = lambda number: number > 2 or busy.wait(60)
    for _ in range(4):
        stream.say(SECOND)
    stream.connection.ping().wait(60)
    busy.set()
    stream.send("end")

    assert stream.close_code() == 1000
    assert live.pieces == [0, RATE_HZ, 3 * RATE_HZ, 0]
    np.testing.assert_array_equal(live.only.audio, np.tile(SECOND, 4))


def test_the_server_never_gets_more_at_once_than_it_takes_at_the_lowest_rate(stream, live):
    stream.begin()
    stream.say(np.tile(SECOND, 25))
    stream.send("end")

    assert stream.close_code() == 1000
    assert live.pieces == [0, 80_000, 80_000, 40_000, 0]


def test_a_session_goes_on_after_a_lost_connection(gateway, live):
    with streaming(gateway.url) as first:
        session = first.begin()["session"]
        first.say(SECOND)
        first.until("ack")
        first.drop()
    with streaming(gateway.url) as second:
        second.send("resume", session=session, last_seq=first.events[-1]["seq"])
        started = second.until("started")
        second.say(SECOND)
        second.send("end")
        assert second.close_code() == 1000

    assert (started["received"], started["session"]) == (RATE_HZ, session)
    assert numbers(first.events + second.events) == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(live.only.audio, np.tile(SECOND, 2))


def test_a_session_goes_on_at_another_gateway(gateway, settings, stream, live):
    session = stream.begin()["session"]
    stream.say(SECOND)
    stream.until("ack")
    with (
        serving(replace(settings, work_dir=settings.work_dir / "other")) as other,
        streaming(other.url) as second,
    ):
        second.send("resume", session=session, last_seq=2)
        assert second.until("started")["received"] == RATE_HZ
        second.send("end")
        assert second.close_code() == 1000

    assert numbers(second.events) == [3]


def test_events_that_a_lost_connection_swallowed_come_again(gateway, live):
    with streaming(gateway.url) as first:
        session = first.begin()["session"]
        for n_pieces in range(1, 4):  # nothing of their events is read
            first.say(SECOND)
            wait_until(lambda n=n_pieces: len(live.only.audio) == n * RATE_HZ)
        first.drop()
    with streaming(gateway.url) as second:
        second.send("resume", session=session)
        second.until("started")
        second.send("end")
        assert second.close_code() == 1000

    assert numbers(second.events) == list(range(1, 8))


def test_the_result_comes_again_if_it_was_lost(gateway, live):
    with streaming(gateway.url) as first:
        session = first.begin()["session"]
        first.say(SECOND)
        first.send("end")
        first.close_code()
    with streaming(gateway.url) as second:
        second.send("resume", session=session, last_seq=2)
        assert second.close_code() == 1000

    assert [frame["type"] for frame in second.frames] == ["started", "result"]


def test_the_server_may_forget_events_whose_ack_was_used(stream, live):
    stream.send("start", rate_hz=48_000)
    stream.until("started")
    for _ in range(7):
        stream.say(np.zeros(80_000, np.int16))
        stream.until("ack")

    # Sample 560 000 may be sent only after the ack of sample 80 000.
    (known,) = [
        stream.frames[n - 1]["seq"]
        for n, frame in enumerate(stream.frames)
        if frame["type"] == "ack" and frame["received"] == 80_000
    ]
    assert live.only.events[0]["seq"] == known + 1
    assert numbers(stream.events) == list(range(1, len(stream.events) + 1))


def test_audio_beyond_the_credit_is_refused(stream, live):
    busy = threading.Event()
    stream.begin()
    live.before = lambda number: busy.wait(60)
    stream.say(np.zeros(480_000, np.int16))
    stream.say(np.zeros(1, np.int16))
    stream.connection.ping().wait(60)
    busy.set()

    error, code = stream.refusal()

    assert (error["status"], code) == (413, 1008)
    assert "sample 480001, expected at most 480000" in error["detail"]


def test_a_frame_larger_than_the_credit_closes_the_connection(stream):
    stream.begin()
    stream.say(np.zeros(480_001, np.int16))

    assert stream.close_code() == 1009


@pytest.mark.parametrize(
    ("frame", "status", "words"),
    [
        (b"\0\0", 400, "got audio as the first frame"),
        ('{"type": "end"}', 400, "got 'end' as the first frame"),
        ("start", 422, "JSON"),
        ("[]", 422, "object"),
        ("{}", 422, "type"),
        ('{"type": "stop"}', 422, "'start', 'resume', 'end'"),
        ('{"type": "start", "rate": 16000}', 422, "start.rate"),
        ('{"type": "start", "rate_hz": 96000}', 422, "48000"),
        ('{"type": "start", "rate_hz": "16000"}', 422, "integer"),
        ('{"type": "start", "latency_s": "3"}', 422, "'0.5', '1', '2' or '5'"),
        ('{"type": "start", "recording_id": "a b"}', 422, "recording_id"),
        ('{"type": "start", "min_speakers": 3, "max_speakers": 2}', 422, "min_speakers <="),
        ('{"type": "resume"}', 422, "session"),
        ('{"type": "resume", "session": "../../../../etc"}', 422, "session"),
        (resume(UNKNOWN, -1), 422, "last_seq"),
        (resume(UNKNOWN), 404, "never started"),
    ],
)  # fmt: skip
def test_a_wrong_first_frame_is_refused(frame, status, words, stream, live):
    stream.connection.send(frame)

    error, code = stream.refusal()

    assert (error["status"], code) == (status, 1008)
    assert words in error["detail"]
    assert live.sessions == {}


@pytest.mark.parametrize(
    ("frame", "status", "words"),
    [
        (b"\0\0\0", 400, "3 bytes"),
        ('{"type": "start"}', 400, "got 'start' in a session that goes on"),
        (resume(UNKNOWN), 400, "got 'resume' in a session"),
        ("ende", 422, "JSON"),
        ('{"type": "pause"}', 422, "'end'"),
    ],
)  # fmt: skip
def test_a_wrong_later_frame_is_refused(frame, status, words, stream):
    stream.begin()
    stream.connection.send(frame)

    error, code = stream.refusal()

    assert (error["status"], code) == (status, 1008)
    assert words in error["detail"]


def test_a_silent_connection_is_closed(stream, monkeypatch, gateway):
    monkeypatch.setattr(module, "FIRST_FRAME_WITHIN_S", 0.05)
    monkeypatch.setattr(module, "FRAME_WITHIN_S", 0.05)
    stream.begin()
    assert stream.refusal()[0]["status"] == 408

    with streaming(gateway.url) as other:
        assert other.refusal()[0]["status"] == 408


@pytest.mark.parametrize(
    ("refused", "status", "code"),
    [
        (RefusalError("all 32 sessions are taken", grpc.StatusCode.UNAVAILABLE), 503, 1013),
        (RefusalError("got too many samples"), 422, 1008),
        (RefusalError("it broke", grpc.StatusCode.INTERNAL), 502, 1011),
    ],
)
def test_what_the_server_refuses_is_passed_on(refused, status, code, stream, live):
    def refuse(_):
        raise refused

    live.before = refuse
    stream.send("start")

    error, closed_with = stream.refusal()

    assert (error["status"], closed_with) == (status, code)
    assert refused.text in error["detail"]


def test_a_session_goes_on_after_an_outage_of_the_server(gateway, live, stream):
    session = stream.begin()["session"]

    def refuse(_):
        raise RefusalError("it restarts", grpc.StatusCode.UNAVAILABLE)

    live.before = refuse
    stream.say(SECOND)
    assert stream.refusal()[1] == 1013
    live.before = lambda _: None
    with streaming(gateway.url) as second:
        second.send("resume", session=session)
        assert second.until("started")["received"] == 0


def test_a_gateway_that_stops_asks_to_come_again(settings, caplog):
    with contextlib.ExitStack() as until_later:
        with serving(settings) as gateway:
            stream = until_later.enter_context(streaming(gateway.url))
            stream.begin()
        code = stream.close_code()

    assert code == 1012
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


def test_lost_connections_are_no_errors(gateway, live, caplog):
    for last in (b"\0\0" * RATE_HZ, '{"type": "end"}'):
        with streaming(gateway.url) as stream:
            stream.begin()
            stream.connection.send(last)
            stream.drop()
    wait_until(lambda: "diarization_web_streams 0.0" in gateway.get("/metrics").text)

    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


def test_an_unreachable_server_is_said_to_be(gateway, live, stream):
    live.__exit__()
    stream.send("start")

    error, code = stream.refusal()

    assert (error["status"], code) == (503, 1013)


def test_an_unreadable_answer_is_a_failure_of_the_server(stream, live):
    stream.begin()
    live.sessions[stream.frames[0]["session"]] = _Deaf()
    stream.say(SECOND)

    error, code = stream.refusal()

    assert (error["status"], code) == (502, 1011)


class _Deaf:
    """A session that says nothing of what it was sent."""

    rate_hz, ended, n_events = RATE_HZ, False, 0
    events = ()
    audio = np.empty(0, np.int16)

    def __setattr__(self, name, value):
        pass

    def report(self, **_):
        pass


def test_a_stream_outlives_the_wait_for_a_request(settings, monkeypatch):
    monkeypatch.setattr("web.serving.REQUEST_WITHIN_S", 0.2)
    with serving(settings) as gateway, streaming(gateway.url) as stream:
        stream.begin()
        closed = threading.Event()
        with contextlib.suppress(TimeoutError):
            stream.connection.recv(timeout=1)
            closed.set()
        stream.say(SECOND)
        assert stream.until("ack")["received"] == RATE_HZ
        assert not closed.is_set()

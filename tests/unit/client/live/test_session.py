"""The protocol of a session, request by request, with answers written by hand."""

import json

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from fake_clock import FakeClock
from inputs.recordings import Recording
from live.session import Session, SessionError
from sending.in_flight import Backoff, Retries

RECORDING = Recording("talk", None)
TOO_LATE = InferenceServerException("Deadline Exceeded", "StatusCode.DEADLINE_EXCEEDED")
AWAY = InferenceServerException("starting", "StatusCode.UNAVAILABLE")
TEN = np.arange(10, dtype=np.int16)


class Script:
    """Gives these answers, or raises them, one after another; notes what it is asked."""

    def __init__(self, *answers):
        self._answers = list(answers)
        self.asked = []

    def ask(self, inputs, output, parameters, timeout_s):
        (tensor,) = inputs
        assert (tensor.name(), tensor.datatype(), output) == ("pcm", "INT16", "EVENTS")
        samples = np.frombuffer(tensor._get_content() or b"", np.int16)
        assert tensor.shape() == [1, len(samples)]
        self.asked.append((samples.tolist(), {**parameters}, timeout_s))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Result(answer)


class Result:
    def __init__(self, answer):
        self._text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    def as_numpy(self, name):
        return np.array([[self._text]], np.object_) if name == "EVENTS" else None


def answer(received, *numbers):
    return {"received": received, "events": [{"seq": n, "type": "progress"} for n in numbers]}


def session_of(*answers, retry_for_s=10.0):
    script, clock = Script(*answers), FakeClock()

    def sleep(length_s):
        clock.now_s += max(length_s, 0.01)

    retries = Retries(retry_for_s, Backoff(1, 1), clock)
    start = {"rate_hz": 8000, "latency_s": "2"}
    return Session(script, RECORDING, start, retries, 3600.0, sleep=sleep), script


def test_only_the_first_request_starts_the_session():
    session, script = session_of(answer(10), answer(20), answer(20))

    session.send(TEN)
    session.send(TEN)
    session.end()

    (_, first, _), (_, second, _), (_, last, _) = script.asked
    name = first["session"]
    assert len(name) == 32
    assert first == {
        "session": name, "start": True, "recording_id": "talk", "rate_hz": 8000, "latency_s": "2",
        "position": 0, "seen": 0,
    }  # fmt: skip
    assert second == {"session": name, "position": 10, "seen": 0}
    assert last == {"session": name, "position": 20, "seen": 0, "end": True}


def test_two_sessions_have_different_names():
    names = []
    for _ in range(2):
        session, script = session_of(answer(10))
        session.send(TEN)
        names.append(script.asked[0][1]["session"])

    assert names[0] != names[1]


def test_events_that_were_seen_are_acknowledged_and_not_returned_again():
    session, script = session_of(answer(10, 1, 2), answer(20, 2, 3), answer(20))

    found = [event["seq"] for _ in range(2) for event in session.send(TEN)]
    session.send(TEN[:0])

    assert found == [1, 2, 3]
    assert [parameters["seen"] for _, parameters, _ in script.asked] == [0, 2, 3]


def test_what_the_server_has_not_received_is_sent_from_there():
    session, script = session_of(answer(4, 1), answer(10, 2))

    events = session.send(TEN)

    assert [(samples, p["position"]) for samples, p, _ in script.asked] == [
        (TEN.tolist(), 0),
        (TEN[4:].tolist(), 4),
    ]
    assert [event["seq"] for event in events] == [1, 2]
    assert session.n_received == 10


@pytest.mark.parametrize("error", [AWAY, TOO_LATE])
def test_a_piece_without_answer_is_sent_again_as_it_was(error):
    session, script = session_of(error, error, answer(10))

    session.send(TEN)

    first, *others = script.asked
    assert others == [first, first]
    assert first[1]["start"] is True
    assert first[2] == 60


def test_a_result_that_does_not_come_in_time_is_not_asked_for_again():
    session, script = session_of(answer(10), TOO_LATE)
    session.send(TEN)

    with pytest.raises(SessionError, match=r"no answer within 3600 s \(--timeout\)"):
        session.end()

    assert script.asked[-1][2] == 3600


def test_an_outage_ends_with_an_answer_and_the_next_one_has_its_own_time():
    session, _ = session_of(*[AWAY] * 8, answer(10), *[AWAY] * 8, answer(20))

    session.send(TEN)
    session.send(TEN)

    assert session.n_received == 20


def test_a_server_that_is_away_for_too_long_ends_the_session():
    session, script = session_of(*[AWAY] * 100)

    with pytest.raises(SessionError, match=r"starting; sent \d+ times within 10 s"):
        session.send(TEN)

    assert 10 < len(script.asked) < 30


def test_a_refusal_ends_the_session_at_once():
    refused = InferenceServerException("position: got a gap", "StatusCode.INVALID_ARGUMENT")
    session, script = session_of(refused)

    with pytest.raises(SessionError, match="position: got a gap") as caught:
        session.send(TEN)

    assert len(script.asked) == 1
    assert caught.value.failure.refused


@pytest.mark.parametrize(
    "wrong",
    [b"no json", b"[]", b"{}", answer(11), answer(0), answer(-1), {"received": 10, "events": [{}]}],
)
def test_an_answer_that_makes_no_sense_ends_the_session(wrong):
    session, _ = session_of(wrong)

    with pytest.raises(SessionError, match="the answer cannot be read"):
        session.send(TEN)

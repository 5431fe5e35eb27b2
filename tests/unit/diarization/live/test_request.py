"""Parameters of requests of a live session."""

import pytest

from diarization.errors import InvalidParameterError
from diarization.live.request import parse_live_request
from diarization.options import Options

ID = "0123456789abcdef"


def parsed(**parameters):
    return parse_live_request({"session": ID, **parameters}, Options())


def test_a_request_that_goes_on_has_no_start():
    request = parsed(position=8000, seen=3)

    assert (request.session, request.position, request.seen) == (ID, 8000, 3)
    assert (request.start, request.end) == (None, False)


def test_a_start_has_the_parameters_of_run_and_defaults():
    live = parsed(start=True, num_speakers=2, recording_id="call").start

    assert (live.rate_hz, live.latency_s) == (16_000, 2.0)
    assert (live.asked.recording_id, live.asked.speakers.maximum) == ("call", 2)
    assert live.voices is False
    assert parsed(start=True, voices=True).start.voices is True


@pytest.mark.parametrize("latency_s", ["0.5", "1", "1.0", 1, 2.0, "5"])
def test_the_latency_may_be_text_or_number(latency_s):
    assert parsed(start=True, latency_s=latency_s).start.latency_s == float(latency_s)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"session": "short"}, "'session': got 'short', expected 16 to 64 letters, digits, - or _"),
        ({"session": "../../../etc/passwd"}, "'session'"),
        ({"session": 7}, "'session'"),
        ({"start": 1}, "'start': got '1', expected true or false"),
        ({"end": "yes"}, "'end'"),
        ({"position": -1}, "'position': got '-1', expected an integer from 0 on"),
        ({"position": True}, "'position'"),
        ({"seen": "3"}, "'seen'"),
        ({"rate_hz": 16_000}, "'rate_hz': got it in a session that goes on"),
        ({"num_speakers": 2}, "'num_speakers': got it in a session that goes on"),
        ({"nonsense": 2, "start": True}, "'nonsense' is unknown"),
        ({"start": True, "rate_hz": 7_999}, "'rate_hz': got '7999', expected an integer from 8000"),
        ({"start": True, "rate_hz": 48_001}, "'rate_hz'"),
        ({"start": True, "rate_hz": 16_000.0}, "'rate_hz'"),
        ({"start": True, "latency_s": "3"}, "'latency_s': got '3', expected one of 0.5, 1, 2, 5"),
        ({"start": True, "latency_s": True}, "'latency_s'"),
        ({"start": True, "voices": 1}, "'voices': got '1', expected true or false"),
        ({"voices": True}, "'voices': got it in a session that goes on"),
        ({"start": True, "mode": "classic"}, "mode 'classic' and channels 'mix', expected"),
        ({"start": True, "channels": "separate"}, "channels 'separate', expected"),
        ({"start": True, "num_speakers": 0}, "'num_speakers'"),
    ],
)
def test_a_wrong_parameter_is_named(parameters, text):
    with pytest.raises(InvalidParameterError) as error:
        parsed(**parameters)
    assert text in str(error.value)


def test_the_session_is_required():
    with pytest.raises(InvalidParameterError, match="'session': got 'None'"):
        parse_live_request({}, Options())

"""Live audio over the gateway's WebSocket, with the real server."""

import io

import numpy as np
import pytest
import soundfile

from e2e.calls import diarize
from gateways import program
from live_streams import streaming
from server.flags import Ports

RATE_HZ = 16_000
PIECE = RATE_HZ // 2

pytestmark = pytest.mark.triton


def say_from(stream, samples, n_received, n_stop):
    """Send pieces up to sample `n_stop`, each after the ack of the one before."""
    while n_received < n_stop:
        stream.say(samples[n_received : n_received + PIECE])
        n_received = stream.until("ack")["received"]


def test_a_stream_that_is_lost_and_resumed_gets_the_rttm_of_the_whole_recording(
    server, gateway, sample
):
    expected = diarize(server, sample.read_bytes(), recording_id="sample").rttm
    samples, rate_hz = soundfile.read(sample, dtype="int16")
    assert rate_hz == RATE_HZ
    with streaming(gateway.url) as first:
        first.send("start", recording_id="sample", rate_hz=RATE_HZ)
        session = first.until("started")["session"]
        say_from(first, samples, 0, len(samples) // 2)
        first.say(samples[first.frames[-1]["received"] :][:PIECE])  # its answer is lost
        first.drop()
    with streaming(gateway.url) as second:
        second.send("resume", session=session, last_seq=first.events[-1]["seq"])
        say_from(second, samples, second.until("started")["received"], len(samples))
        second.send("end")
        assert second.close_code() == 1000

    events = first.events + second.events
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["rttm"] == expected
    assert {event["type"] for event in events} >= {"turn", "progress", "result"}
    assert any(event["type"] == "turn" for event in first.events)


def whole_session(url, samples):
    """The events of a session that nothing disturbs."""
    with streaming(url) as stream:
        stream.send("start", rate_hz=RATE_HZ)
        stream.until("started")
        say_from(stream, samples, 0, len(samples))
        stream.send("end")
        assert stream.close_code() == 1000
    return stream.events


@pytest.mark.slow  # with a fake server it is part of every run
def test_a_stream_survives_a_killed_gateway(server, gateway, sample, tmp_path):
    samples = soundfile.read(sample, dtype="int16")[0]
    expected = whole_session(gateway.url, samples)
    port = Ports.free().http
    flags = (f"--url={server.url}", f"--work_dir={tmp_path / 'kept'}")
    with program(*flags, port=port) as killed, streaming(killed.url) as first:
        first.send("start", rate_hz=RATE_HZ, keep=True)
        session = first.until("started")["session"]
        say_from(first, samples, 0, len(samples) // 2)
        first.say(samples[first.frames[-1]["received"] :][:PIECE])
        killed.process.kill()
        killed.process.wait()
    with program(*flags, port=port) as again:
        with streaming(again.url) as second:
            second.send("resume", session=session, last_seq=first.events[-1]["seq"])
            say_from(second, samples, second.until("started")["received"], len(samples))
            second.send("end")
            assert second.close_code() == 1000
        kept, rate_hz = soundfile.read(io.BytesIO(again.get(f"/v1/jobs/{session}/audio").content))
        result = again.get(f"/v1/jobs/{session}/result?format=rttm").text

    assert first.events + second.events == expected
    assert result == expected[-1]["rttm"]
    np.testing.assert_array_equal(kept * 2**15, samples)
    assert rate_hz == RATE_HZ

"""Live recordings that are kept: they become jobs, whatever happens on the way."""

import io
import os
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from gateways import Clock, assert_problem, program, serving, wait_until
from integration.client_fake_live import rttm_of
from live_streams import streaming

RATE_HZ = 8000
SECOND = np.arange(RATE_HZ, dtype=np.int16)
HEADER_BYTES = 44


def say(stream, *pieces):
    """Send pieces, each after the ack of the one before."""
    for piece in pieces:
        stream.say(piece)
        stream.until("ack")


def begun(stream, *pieces, **options):
    """Start a session that is kept; returns its id."""
    session = stream.begin(keep=True, **options)["session"]
    say(stream, *pieces)
    return session


def resumed(stream, session, last_seq=0):
    """Continue a session; returns how many samples it has."""
    stream.send("resume", session=session, last_seq=last_seq)
    return stream.until("started")["received"]


def ended(stream):
    stream.send("end")
    assert stream.close_code() == 1000
    assert stream.events[-1]["type"] == "result"


def audio(gateway, session):
    """The samples of a job, and their rate."""
    answer = gateway.get(f"/v1/jobs/{session}/audio")
    assert answer.headers["Content-Type"] == "audio/wav"
    assert int.from_bytes(answer.content[4:8], "little") == len(answer.content) - 8
    return soundfile.read(io.BytesIO(answer.content), dtype="int16")


def is_no_job(gateway, session):
    return gateway.get(f"/v1/jobs/{session}").status_code == 404 and gateway.files() == []


def test_a_recording_is_a_job_once_its_result_arrived(gateway, stream, live):
    session = begun(
        stream, SECOND, SECOND[:500], recording_id="talk", max_speakers=3, latency_s="1"
    )
    assert_problem(gateway.get(f"/v1/jobs/{session}"), 404)
    ended(stream)

    job = gateway.get(f"/v1/jobs/{session}").json()
    assert (job["state"], job["recording_id"]) == ("done", "talk")
    assert job["options"] == {"max_speakers": 3}
    assert job["audio"] == {
        "n_bytes": HEADER_BYTES + 2 * 8500, "audio_s": 8500 / RATE_HZ, "media_type": "audio/wav",
    }  # fmt: skip
    samples, rate_hz = audio(gateway, session)
    np.testing.assert_array_equal(samples, live.only.audio)
    assert rate_hz == RATE_HZ
    result = gateway.get(f"/v1/jobs/{session}/result")
    assert [turn["confidence"] for turn in result.json()["turns"]] == [0.5]
    assert gateway.get(f"/v1/jobs/{session}/result?format=rttm").text == rttm_of(live.only)
    assert gateway.get(f"/v1/jobs/{session}/view").json()["audio_s"] == pytest.approx(1.062)
    metrics = gateway.get("/metrics").text
    assert 'diarization_web_jobs_ended_total{state="done"} 1.0' in metrics
    assert "diarization_web_audio_seconds_total 1.0625" in metrics


def test_a_recording_without_audio_is_a_job_too(gateway, stream):
    session = begun(stream)
    ended(stream)

    assert audio(gateway, session)[0].size == 0
    assert gateway.get(f"/v1/jobs/{session}/view").status_code == 200


def test_nothing_is_kept_unasked(gateway, stream):
    session = stream.begin()["session"]
    say(stream, SECOND)
    ended(stream)

    assert is_no_job(gateway, session)


def test_a_recording_survives_a_lost_connection(gateway, live):
    with streaming(gateway.url) as first:
        session = begun(first, SECOND)
        live.after = lambda _: first.drop()  # the server has it, and the client does not know
        first.say(SECOND[::-1])
        wait_until(lambda: len(live.only.audio) == 2 * RATE_HZ)
        live.after = lambda _: None
    with streaming(gateway.url) as second:
        assert resumed(second, session, 2) == 2 * RATE_HZ
        say(second, SECOND)
        ended(second)

    np.testing.assert_array_equal(audio(gateway, session)[0], live.only.audio)
    assert len(live.only.audio) == 3 * RATE_HZ


def test_a_recording_survives_killed_gateways(settings, live):
    flags = (f"--url={live.url}", f"--work_dir={settings.work_dir}")

    def killed_by(gateway, last):
        """Let the gateway die when the server has what `last()` sends."""
        live.after = lambda _: os.kill(gateway.process.pid, signal.SIGKILL)
        last()
        gateway.process.wait(60)
        live.after = lambda _: None

    with program(*flags) as gateway, streaming(gateway.url) as first:
        session = begun(first, SECOND)
        killed_by(gateway, lambda: first.say(SECOND[::-1]))
    with program(*flags) as gateway, streaming(gateway.url) as second:
        assert resumed(second, session) == 2 * RATE_HZ
        say(second, SECOND)
        killed_by(gateway, lambda: second.send("end"))
    with program(*flags) as gateway:
        with streaming(gateway.url) as third:
            resumed(third, session)
            assert third.close_code() == 1000

        np.testing.assert_array_equal(audio(gateway, session)[0], live.only.audio)
    assert len(live.only.audio) == 3 * RATE_HZ


def test_audio_that_the_server_lacks_is_written_again(gateway, live):
    with streaming(gateway.url) as first:
        session = begun(first, SECOND)

        def lose(_):
            first.drop()
            raise ConnectionError  # before the session has changed

        live.before = lose
        first.say(SECOND)
        wait_until(
            lambda: (
                len(gateway.files()[0].read_bytes() + gateway.files()[1].read_bytes()) > 4 * RATE_HZ
            )
        )
    live.before = lambda _: None
    with streaming(gateway.url) as second:
        assert resumed(second, session) == RATE_HZ
        say(second, SECOND[:100] + 7)
        ended(second)

    np.testing.assert_array_equal(
        audio(gateway, session)[0], np.concatenate([SECOND, SECOND[:100] + 7])
    )


def test_a_result_that_was_lost_makes_no_second_job(gateway, live):
    with streaming(gateway.url) as first:
        session = begun(first, SECOND)
        first.send("end")
        wait_until(lambda: gateway.get(f"/v1/jobs/{session}").status_code == 200)
    gateway.ask("PUT", f"/v1/jobs/{session}/turns", json={"turns": []})
    with streaming(gateway.url) as second:
        resumed(second, session)
        assert second.close_code() == 1000

    assert second.events[-1]["type"] == "result"
    assert gateway.get(f"/v1/jobs/{session}").json()["corrected"]


def test_audio_that_another_gateway_got_ends_the_keeping(settings, gateway, stream):
    session = begun(stream, SECOND)
    stream.drop()
    other = replace(settings, work_dir=settings.work_dir / "other")
    with serving(other) as there, streaming(there.url) as second:
        resumed(second, session)
        say(second, SECOND)
    with streaming(gateway.url) as third:
        assert resumed(third, session) == 2 * RATE_HZ
        say(third, SECOND)
        ended(third)

    assert is_no_job(gateway, session)


def test_a_recording_that_is_removed_goes_on_without_being_kept(gateway, stream):
    session = begun(stream, SECOND)
    assert gateway.ask("DELETE", f"/v1/jobs/{session}").status_code == 204
    assert gateway.files() == []
    say(stream, SECOND)
    ended(stream)

    assert is_no_job(gateway, session)


def test_a_recording_that_does_not_grow_expires(settings, live):
    clock = Clock()
    with serving(settings, clock) as gateway, streaming(gateway.url) as stream:
        session = begun(stream, SECOND)
        clock.leap_s = settings.keep_s - 60
        gateway.gateway.store.expire()
        assert len(gateway.files()) == 2
        clock.leap_s = settings.keep_s
        gateway.gateway.store.expire()

        assert is_no_job(gateway, session)
        assert gateway.gateway.store.stored_bytes() == 0


def test_an_old_recording_is_removed_at_the_start(settings, live):
    with serving(settings) as gateway, streaming(gateway.url) as stream:
        begun(stream, SECOND)
    (path,) = [each for each in gateway.files() if each.name == "audio"]
    with serving(settings) as gateway:
        assert path.exists()
        assert "diarization_web_stored_bytes 16044.0" in gateway.get("/metrics").text
    old_s = time.time() - settings.keep_s - 1
    os.utime(path, (old_s, old_s))
    with serving(settings) as gateway:
        assert gateway.files() == []


@pytest.mark.parametrize(
    ("limit", "status", "code", "words"),
    [
        ({"max_upload_bytes": 20_000}, 413, 1008, "gets 32044 bytes, expected at most 20000"),
        ({"max_stored_bytes": 20_000}, 503, 1013, "no room for 16000 more"),
    ],
)
def test_a_recording_grows_within_the_limits(limit, status, code, words, settings, live):
    with serving(replace(settings, **limit)) as gateway:
        with streaming(gateway.url) as stream:
            session = begun(stream, SECOND)
            stream.say(SECOND)
            error, closed_with = stream.refusal()
        with streaming(gateway.url) as second:
            assert resumed(second, session) == RATE_HZ
            ended(second)

        assert audio(gateway, session)[0].size == RATE_HZ
    assert (error["status"], closed_with) == (status, code)
    assert words in error["detail"]


def test_no_session_starts_where_no_recording_fits(settings, live):
    with serving(replace(settings, max_stored_bytes=40)) as gateway, streaming(gateway.url) as full:
        full.send("start", keep=True)
        error, code = full.refusal()

    assert (error["status"], code) == (503, 1013)
    assert live.sessions == {}

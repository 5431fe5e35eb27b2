"""The real Envoy as it is shipped, in front of fake servers."""

import threading
from contextlib import ExitStack

import grpc
import pytest
import soundfile
from grpc_health.v1.health_pb2 import HealthCheckResponse

import client
from gateways import wait_until
from integration.client_fake_live import FakeLive
from integration.client_fake_server import FakeTriton, RefusalError, one_turn
from measure.kit.balancer import balancing
from media_files import noise

IDS = [f"r{number:02}" for number in range(24)]
FULL = RefusalError("Exceeds maximum queue size", grpc.StatusCode.UNAVAILABLE)
BROKEN = RefusalError("Socket closed", grpc.StatusCode.INTERNAL)
WAIT_S = 20


@pytest.fixture
def tritons():
    with ExitStack() as stack:
        yield [stack.enter_context(FakeTriton()) for _ in range(2)]


@pytest.fixture
def envoy(tritons):
    with balancing([triton.url for triton in tritons]) as running:
        yield running


@pytest.fixture
def send(envoy, wav_scp, out):
    """A function that sends all recordings once, and returns the exit status."""

    def send_all(*options):
        command = ["--url", envoy.url, "--wavscp", str(wav_scp(*IDS)), "--retry_for=0"]
        return client.main([*command, "--output_directory", str(out), *options])

    return send_all


def refusing(error):
    def reply(call):
        raise error

    return reply


def test_recordings_go_to_the_server_that_has_the_fewest(tritons, send):
    slow, quick = tritons
    released = threading.Event()

    def reply_late(call):
        assert released.wait(WAIT_S)
        return one_turn(call)

    def reply_at_once(call):
        if len(quick.ids) == 20:
            released.set()
        return one_turn(call)

    slow.reply, quick.reply = reply_late, reply_at_once
    assert send("--jobs=4") == 0
    assert len(slow.ids) <= 4


def test_a_recording_that_is_turned_away_goes_to_another_server(tritons, send):
    tritons[0].reply = refusing(FULL)
    assert send("--jobs=1") == 0
    assert sorted(tritons[1].ids) == IDS
    assert tritons[0].ids


def test_only_what_is_unavailable_is_sent_again(tritons, send):
    for triton in tritons:
        triton.reply = refusing(BROKEN)
    assert send("--jobs=1") == 1
    assert sorted(tritons[0].ids + tritons[1].ids) == IDS


def test_a_server_that_is_not_ready_gets_nothing(tritons, envoy, send):
    tritons[0].health.set("", HealthCheckResponse.NOT_SERVING)
    wait_until(lambda: envoy.healthy() == {tritons[1].url}, WAIT_S)
    assert send() == 0
    assert tritons[0].ids == []
    tritons[0].health.set("", HealthCheckResponse.SERVING)
    wait_until(lambda: len(envoy.healthy()) == 2, WAIT_S)


def test_a_live_session_stays_at_its_server_even_when_that_is_not_ready(tmp_path):
    talk = tmp_path / "talk.wav"
    soundfile.write(talk, noise(16_000), 16_000)
    with ExitStack() as stack:
        lives = [stack.enter_context(FakeLive()) for _ in range(3)]
        envoy = stack.enter_context(balancing([live.url for live in lives]))
        for _ in range(8):
            assert client.main(["--url", envoy.url, "--stream", str(talk), "--pace=0"]) == 0
        lives[0].health.set("", HealthCheckResponse.NOT_SERVING)
        wait_until(lambda: len(envoy.healthy()) == 2, WAIT_S)
        for _ in range(8):
            assert client.main(["--url", envoy.url, "--stream", str(talk), "--pace=0"]) == 0
    assert sum(len(live.sessions) for live in lives) == 16  # none was unknown to its server
    assert all(live.sessions for live in lives)

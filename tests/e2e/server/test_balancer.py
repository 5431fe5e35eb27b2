"""Two real servers behind Envoy: shared fairly, restarted one by one, one killed, live sessions."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import soundfile

from e2e.calls import diarize, diarize_all, wav_bytes
from e2e.counters import read_counts, wait_for_metrics
from e2e.live_sessions import Live
from e2e.server.test_faults import Load
from gateways import wait_until
from measure.kit.balancer import balancing
from measure.serve_process import TRITON, serving
from server.processes import children, kill_processes
from server.triton_server import TritonServer

EJECTED_WITHIN_S = 5
ANSWERED = ("answered_requests", "full")
N_CLIENTS = 4
N_BEFORE = 8  # pieces of a live session

pytestmark = [pytest.mark.triton, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def recording(sample):
    """A part of the sample."""
    samples, rate_hz = soundfile.read(sample, dtype="float32")
    return wav_bytes(samples[6 * rate_hz : 14 * rate_hz])


@pytest.fixture
def pair(tmp_path):
    """Two servers as serve.sh starts them behind a balancer."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(serving(tmp_path / f"triton{number}.log", "--drain-delay=3"))
            for number in range(2)
        ]
        for server in servers:
            server.wait_until_ready()
        yield servers


def again(server, tmp_path, stack):
    """Start a server that has ended anew, at its ports."""
    fresh = stack.enter_context(serving(tmp_path / "again.log", ports=server.ports))
    fresh.wait_until_ready()
    return fresh


def test_two_servers_share_the_recordings_fairly(tmp_path, recording):
    with ExitStack() as stack:
        servers = [
            stack.enter_context(TritonServer(tmp_path / f"triton{number}.log"))
            for number in range(2)
        ]
        for server in servers:
            wait_for_metrics(server)
        envoy = stack.enter_context(balancing([server.url for server in servers]))
        for _ in range(8):
            answers = diarize_all(envoy, [recording] * N_CLIENTS)
            assert all(answer.turns for answer in answers)
        counts = [read_counts(server)[ANSWERED] for server in servers]
    assert sum(counts) == 8 * N_CLIENTS
    assert min(counts) >= 12


def test_a_rolling_restart_fails_no_request(pair, tmp_path, recording):
    with ExitStack() as stack:
        envoy = stack.enter_context(balancing([server.url for server in pair]))
        expected = [diarize(envoy, recording).labels] * N_CLIENTS
        with Load(envoy, [recording] * N_CLIENTS, expected) as load:
            for server in pair:
                load.wait_for_answers()
                server.process.terminate()
                server.process.wait(90)
                load.wait_for_answers()
                again(server, tmp_path, stack)
                wait_until(lambda: len(envoy.healthy()) == 2)
            load.wait_for_answers()
    assert load.errors == []
    assert load.wrong == []


def test_a_killed_server_is_ejected_within_seconds_and_taken_back(pair, tmp_path, recording):
    first, second = pair
    with ExitStack() as stack:
        envoy = stack.enter_context(balancing([server.url for server in pair]))
        expected = [diarize(envoy, recording).labels] * N_CLIENTS
        with Load(envoy, [recording] * N_CLIENTS, expected) as load:
            load.wait_for_answers()
            kill_processes({first.process.pid, *children(first.process.pid)})
            killed_s = time.monotonic()
            wait_until(lambda: envoy.healthy() == {second.url})
            assert time.monotonic() - killed_s < EJECTED_WITHIN_S
            n_lost = len(load.errors)
            assert n_lost <= N_CLIENTS  # those that it worked on
            load.wait_for_answers()
            load.wait_for_answers()
            assert len(load.errors) == n_lost
            again(first, tmp_path, stack)
            wait_until(lambda: len(envoy.healthy()) == 2)
            load.wait_for_answers()
    assert len(load.errors) == n_lost
    assert load.wrong == []


def test_live_sessions_outlive_the_restart_of_their_server(pair, tmp_path, sample):
    samples, rate_hz = soundfile.read(sample, dtype="int16")
    pcm = samples[6 * rate_hz : 16 * rate_hz]
    with ExitStack() as stack:
        envoy = stack.enter_context(balancing([server.url for server in pair]))
        lives = [Live(envoy, pcm) for _ in range(N_CLIENTS)]
        killed = threading.Event()
        with ThreadPoolExecutor(N_CLIENTS) as threads:
            results = [
                threads.submit(live.result, lambda n: n < N_BEFORE or killed.wait(60))
                for live in lives
            ]
            wait_until(lambda: all(live.received for live in lives))
            for server in pair:
                kill_processes({server.pid_of(TRITON)})
            killed.set()
            texts = [result.result(240) for result in results]
        for live in lives:
            live.assert_whole()
    assert texts[0]
    assert texts == [texts[0]] * N_CLIENTS
    assert any(live.errors for live in lives)

"""Faults of a running server: it restarts, answers as before, and leaves nothing behind."""

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
import tritonclient.grpc as grpcclient

from e2e.calls import CLIENT, diarize, diarize_all, same_turns, wav_bytes
from e2e.live_sessions import Live
from gateways import wait_until
from measure.serve_process import TRITON, serving
from server.processes import alive, children
from server.shared_memory import SHM
from server.triton_server import MODEL_REPOSITORY

N_CLIENTS = 4
N_BEFORE = 8  # pieces of a live session
IDS = [f"r{number}" for number in range(4)]
TRANSIENT = re.compile(r"StatusCode.UNAVAILABLE ")  # what clients retry
REST_S = 0.2  # between two requests while the server is away

pytestmark = [pytest.mark.triton, pytest.mark.timeout(600)]


@pytest.fixture
def recordings(sample):
    """Four excerpts of the sample, of different lengths."""
    samples, rate_hz = soundfile.read(sample, dtype="float32")
    return [wav_bytes(samples[6 * rate_hz : (12 + 2 * n) * rate_hz]) for n in range(N_CLIENTS)]


class ListedRun:
    """A client.py that works through a list of recordings, some of them before a fault."""

    def __init__(self, folder, sample, server):
        self._out = folder / "out"
        (folder / "wav.scp").write_text("".join(f"{each} {sample}\n" for each in IDS))
        command = [sys.executable, CLIENT, f"--url={server.url}", "--jobs=1"]
        self._command = [*command, "--wavscp", folder / "wav.scp", "--output_directory", self._out]
        self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process:
            self._process.kill()
            self._process.communicate()

    def start(self):
        """Return when the first recording is answered."""
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: [*self._out.glob("rttm_*")])
        assert self._process.poll() is None

    def assert_none_lost(self):
        _, err = self._process.communicate(timeout=120)
        assert self._process.returncode == 0, err
        answers = {(self._out / f"rttm_{each}").read_text().replace(each, "") for each in IDS}
        assert len(answers) == 1
        assert f"{len(IDS)} done, 0 failed" in err
        assert "were sent again and answered" in err
        assert err.count("WARNING") == 1


class Load:
    """Clients that send one recording each, again and again, until the block ends.

    Attributes
    ----------
    n_answers
        How many answers each client got.
    wrong
        Answers that differ from those expected.
    errors
        Status of every refusal.
    """

    def __init__(self, server, recordings, expected):
        self.n_answers = [0] * len(recordings)
        self.wrong, self.errors = [], []
        self._server, self._over = server, threading.Event()
        self._work = list(enumerate(zip(recordings, expected, strict=True)))

    def __enter__(self):
        self._threads = ThreadPoolExecutor(len(self._work))
        self._clients = [self._threads.submit(self._ask, n, *pair) for n, pair in self._work]
        return self

    def __exit__(self, *_):
        self._over.set()
        self._threads.shutdown()
        for client in self._clients:
            client.result()

    def _ask(self, number, recording, expected):
        while not self._over.is_set():
            try:
                labels = diarize(self._server, recording).labels
            except grpcclient.InferenceServerException as error:
                self.errors.append(f"{error.status()} {error.message()}")
                self._over.wait(REST_S)
                continue
            self.n_answers[number] += 1
            if not same_turns(labels, expected):
                self.wrong.append(labels)

    def wait_for_answers(self):
        """Wait until every client got one more."""
        before = list(self.n_answers)
        deadline = time.monotonic() + 120
        while not all(now > then for now, then in zip(self.n_answers, before, strict=True)):
            assert time.monotonic() < deadline, (before, self.n_answers, self.errors)
            time.sleep(0.05)


def shared_memory(prefix):
    """Names of the regions with this prefix."""
    assert prefix
    return [name for name in os.listdir(SHM) if name.startswith(prefix)]  # noqa: PTH208


def assert_gone(pids, prefix):
    """Fail if a process or a region of a server is left."""
    assert not alive(pids)
    assert shared_memory(prefix) == []


def survives(tmp_path, sample, recordings, victim, *words):
    """Kill a process under load; serve.sh must say so, go on as before and leave nothing.

    A list of recordings and a live session are half done then.
    """
    with serving(tmp_path / "triton.log") as server:
        server.wait_until_ready()
        expected = [diarize(server, recording).labels for recording in recordings]
        assert all(labels.size for labels in expected)
        pcm, _ = soundfile.read(io.BytesIO(recordings[-1]), dtype="int16")
        live, live_rttm = Live(server, pcm), diarize(server, recordings[-1]).rttm
        lines = []

        def kill(number):
            if number == N_BEFORE and not lines:
                listed.start()
                os.kill(victim(server), signal.SIGKILL)
                lines.append(server.line())

        regions = set(shared_memory(server.shared_memory_prefix()))
        with (
            Load(server, recordings, expected) as load,
            ListedRun(tmp_path, sample, server) as listed,
        ):
            load.wait_for_answers()
            before = children(server.process.pid)
            assert live.result(kill) == live_rttm
            load.wait_for_answers()
            listed.assert_none_lost()
        live.assert_whole()
        (line,) = lines
        assert line.startswith("ready again after ")
        assert any(word in line for word in words), line
        assert line.endswith("; restart 1")
        assert not load.wrong
        assert all(map(TRANSIENT.match, load.errors)), {*load.errors}
        now = set(shared_memory(server.shared_memory_prefix()))
        stays = ("drain", "grpc:1", "metrics")  # the same names after every start
        assert regions & now == {name for name in regions if name.endswith(stays)}
        assert before & children(server.process.pid) == {server.proxy()}
        processes, prefix = children(server.process.pid), server.shared_memory_prefix()
        server.process.terminate()
        status, said = server.wait()
    assert status == 128 + signal.SIGTERM
    # The proxy holds off the requests that were in progress for a while.
    assert all(line.startswith("proxy: crash 1 during") for line in said.splitlines()), said
    assert_gone(processes, prefix)


def test_under_load_a_killed_run_is_replaced_and_answers_are_as_before(
    tmp_path, sample, recordings
):
    # Triton itself dies if a stub is killed during a request.
    words = ("model 'run'", "tritonserver ended with status -")
    survives(tmp_path, sample, recordings, lambda server: server.stubs_of("run")[0], *words)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["sad", "segmentation", "speaker_model"])
def test_under_load_a_killed_net_is_replaced(model, tmp_path, sample, recordings):
    words = (f"model '{model}'", "tritonserver ended with status -")
    survives(tmp_path, sample, recordings, lambda server: server.stubs_of(model)[0], *words)


@pytest.mark.slow
def test_under_load_a_killed_tritonserver_is_replaced(tmp_path, sample, recordings):
    survives(
        tmp_path, sample, recordings, lambda server: server.pid_of(TRITON), "ended with status -9"
    )


@pytest.mark.slow
def test_a_fault_during_a_restart_is_handled_too(tmp_path, sample):
    with serving(tmp_path / "triton.log") as server:
        server.wait_until_ready()
        expected = diarize(server, sample.read_bytes()).rttm
        dying = set(server.stubs_of("run"))
        os.kill(server.pid_of(TRITON), signal.SIGKILL)
        deadline = time.monotonic() + 60
        while not (loaded := sorted(set(server.stubs_of("run")) - dying)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(loaded[0], signal.SIGKILL)
        assert "restart 1" in server.line()
        assert len(server.stubs_of("run")) == 4
        assert diarize(server, sample.read_bytes()).rttm == expected


@pytest.mark.slow
def test_serve_stops_the_server_of_a_killed_serve(tmp_path, sample):
    with serving(tmp_path / "triton.log") as killed:
        killed.wait_until_ready()
        left, prefix = children(killed.process.pid), killed.shared_memory_prefix()
        killed.process.kill()
        killed.process.wait()
    with serving(tmp_path / "triton.log", ports=killed.ports) as server:
        server.wait_until_ready()
        assert_gone(left, prefix)
        assert diarize(server, sample.read_bytes()).turns


@pytest.mark.slow
def test_repeated_failed_starts_end_serve_with_the_reason(tmp_path, sample):
    repository = tmp_path / "models"
    shutil.copytree(MODEL_REPOSITORY, repository)
    with serving(
        tmp_path / "triton.log", "--restarts=1", f"--model-repository={repository}"
    ) as server:
        server.wait_until_ready()
        processes, prefix = children(server.process.pid), server.shared_memory_prefix()
        (repository / "sad" / "1" / "silero_vad.jit").unlink()
        os.kill(server.stubs_of("sad")[0], signal.SIGKILL)
        status, errors = server.wait()
    assert status == 1
    assert errors.startswith(
        "serve: gave up after 1 failed starts in a row; the last one: model 'sad' does not load: "
    )
    assert_gone(processes, prefix)


@pytest.mark.slow
def test_sigterm_lets_a_long_recording_finish_and_refuses_new_ones(tmp_path, sample):
    samples, _ = soundfile.read(sample, dtype="float32")
    long = wav_bytes(np.tile(samples, 10))  # 5 minutes
    with serving(tmp_path / "triton.log", "--drain=120") as server, ThreadPoolExecutor(1) as thread:
        server.wait_until_ready()
        processes, prefix = children(server.process.pid), server.shared_memory_prefix()
        expected = diarize(server, long).rttm
        asked = thread.submit(diarize, server, long)
        time.sleep(1)  # the request is sent; its start cannot be observed
        server.process.terminate()
        refused = refusal(server, sample.read_bytes())
        assert not asked.done()
        assert refused.status() == "StatusCode.UNAVAILABLE"
        assert "the server is stopping" in refused.message()
        assert asked.result(240).rttm == expected
        assert server.wait() == (128 + signal.SIGTERM, "")
    assert_gone(processes, prefix)


def refusal(server, recording):
    """The error that a request gets, asked again until there is one."""
    answers = diarize_all(server, [recording])
    deadline = time.monotonic() + 120
    while not isinstance(answers[-1], grpcclient.InferenceServerException):
        assert time.monotonic() < deadline
        answers = diarize_all(server, [recording])
    return answers[-1]


@pytest.mark.slow
def test_draining_ends_at_the_time_limit(tmp_path, sample):
    samples, _ = soundfile.read(sample, dtype="float32")
    with serving(tmp_path / "triton.log", "--drain=1") as server, ThreadPoolExecutor(1) as thread:
        server.wait_until_ready()
        processes, prefix = children(server.process.pid), server.shared_memory_prefix()
        asked = thread.submit(refusal, server, wav_bytes(np.tile(samples, 60)))
        time.sleep(2)
        server.process.terminate()
        assert asked.result(120).status() == "StatusCode.UNAVAILABLE"
        assert server.wait() == (128 + signal.SIGTERM, "")
    assert_gone(processes, prefix)

"""A corpus on a cluster of two Ray nodes on this machine, of one core each, with real servers."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import psutil
import pyarrow.parquet as pq
import pytest
import soundfile

from server.flags import Ports
from server.processes import kill_processes
from server.triton_server import ROOT

PROGRAM = ROOT / "client" / "corpus.py"
RAY = Path(sys.executable).with_name("ray")
N_RECORDINGS = 1000
ENVIRONMENT = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": uuid4().hex}
COUNT_NODES = """
import sys, ray
ray.init(sys.argv[1], logging_level="ERROR", log_to_driver=False)
print(sum(node["Alive"] for node in ray.nodes()))
"""
WAIT_S = 240
NODE_WITHIN_S = 60

pytestmark = [pytest.mark.triton, pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture
def manifest(sample, tmp_path):
    """A thousand excerpts of the sample, 2 to 4 s long, no two alike."""
    samples, rate_hz = soundfile.read(sample, dtype="int16")
    lines = []
    for number in range(N_RECORDINGS):
        start, length = 6 * rate_hz + 300 * number % (18 * rate_hz), (2 + number % 3) * rate_hz
        path = tmp_path / f"{number:04}.flac"
        soundfile.write(path, samples[start : start + length], rate_hz)
        lines.append(f"r{number:04} {path}\n")
    path = tmp_path / "wav.scp"
    path.write_text("".join(lines))
    return path


class Cluster:
    """Ray nodes of one core each, on loopback; all of it is killed at the end."""

    def __init__(self, folder):
        self.address = f"127.0.0.1:{Ports.free().grpc}"
        self._started = []
        self.add_node(0, "--head", f"--port={self.address.rpartition(':')[2]}",
                      f"--temp-dir={folder}", "--include-dashboard=false")  # fmt: skip

    def add_node(self, core, *flags):
        """Start a node bound to a core."""
        where = flags or [f"--address={self.address}"]
        command = ["taskset", "-c", str(core), RAY, "start", "--block", "--num-cpus=1",
                   "--node-ip-address=127.0.0.1", "--disable-usage-stats", *where]  # fmt: skip
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT
        )
        self._started.append(process)
        wait_until(lambda: self._n_nodes() == len(self._started), NODE_WITHIN_S)
        return process

    def _n_nodes(self):
        command = [sys.executable, "-c", COUNT_NODES, self.address]
        done = subprocess.run(command, capture_output=True, env=ENVIRONMENT, check=False)
        return int(done.stdout) if done.returncode == 0 else 0

    def stop(self):
        for process in self._started:
            pids = {process.pid, *(each.pid for each in below(process.pid))}
            kill_processes(pids)
            process.wait()


def below(pid):
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def named(word, pid):
    """Pids of the processes below one whose command line begins with a word or a path to it."""
    found = []
    for process in below(pid):
        try:
            first = process.cmdline()[:1]
        except psutil.Error:
            continue
        if first and (first[0].startswith(word) or Path(first[0]).name == word):
            found.append(process.pid)
    return sorted(found)


def own_servers():
    """Command lines of the servers that workers started."""
    commands = [each.info["cmdline"] or [] for each in psutil.process_iter(["cmdline"])]
    return [command for command in commands if "--stop-with-stdin" in command]


def wait_until(happened, within_s=WAIT_S):
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture
def cluster():
    # Not below tmp_path: the paths of Ray's sockets would be too long.
    folder = tempfile.mkdtemp(prefix="ray")
    running = Cluster(folder)
    try:
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def corpus(manifest, output, *options):
    command = [sys.executable, PROGRAM, "--manifest", manifest, "--output", output, *options]
    with (output.parent / "corpus.log").open("a") as log:
        process = subprocess.Popen(
            list(map(str, command)), stdout=log, stderr=subprocess.STDOUT, env=ENVIRONMENT
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def entries(output):
    journal = output / "recordings.jsonl"
    if not journal.exists():
        return []
    lines = journal.read_text().splitlines(keepends=True)[1:]
    return [json.loads(line) for line in lines if line.endswith("\n")]


def test_killed_actors_servers_and_nodes_lose_and_double_nothing(cluster, manifest, tmp_path):
    output = tmp_path / "corpus"
    node = cluster.add_node(1)
    with ExitStack() as stack:
        run = stack.enter_context(corpus(manifest, output, "--address", cluster.address))
        for number, victim in [(100, "ray::MapWorker"), (300, "tritonserver"), (500, "raylet")]:
            wait_until(
                lambda: (
                    (len(entries(output)) >= number and named(victim, node.pid))  # noqa: B023
                    or run.poll() is not None
                )
            )
            assert run.poll() is None, (tmp_path / "corpus.log").read_text()
            kill_processes(named(victim, node.pid)[:1])
        assert run.wait(WAIT_S) == 0, (tmp_path / "corpus.log").read_text()
    wait_until(lambda: own_servers() == [])  # also those of the workers that were killed
    found = Counter(entry["recording"] for entry in entries(output))
    assert len(found) == N_RECORDINGS
    assert set(found.values()) == {1}
    turns = pq.read_table(output / "turns.parquet").to_pylist()
    assert {turn["recording"] for turn in turns} <= found.keys()
    assert len({turn["recording"] for turn in turns}) > 0.95 * N_RECORDINGS
    text = "".join(path.read_text() for path in sorted((output / "rttm").iterdir()))
    assert text.count("\n") == len(turns)

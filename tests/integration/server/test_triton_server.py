"""Starting, watching and stopping the server, with a fake `tritonserver`."""

import os
import signal
import socket
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from integration.fake_launcher import WAIT_S, flags_received
from server import processes, triton_server
from server.processes import children
from server.readiness import not_ready
from server.shared_memory import SHM
from server.supervisor import wait_for_fault
from server.triton_server import MODEL_REPOSITORY, Ports, ServerError, TritonServer

pytestmark = pytest.mark.usefixtures("fake_launcher")


@pytest.fixture
def taken():
    """A port that is in use."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.mark.parametrize("service", ["http", "grpc", "metrics"])
def test_a_port_in_use_is_reported_with_its_flag_and_nothing_is_started(service, taken, log):
    free = Ports.free()
    ports = Ports(**{**vars(free), service: taken})
    with pytest.raises(ServerError) as caught:
        TritonServer(log, ports).start()
    assert str(caught.value) == f"port {taken} is in use; choose another --{service}-port"
    assert not log.exists()


def test_the_server_gets_the_models_and_further_flags(log):
    with TritonServer(log, flags=["--log-verbose=1"]) as server:
        received = flags_received(server)
    assert received[0] == f"--model-repository={MODEL_REPOSITORY}"
    assert "--log-verbose=1" in received
    assert (MODEL_REPOSITORY / "run" / "config.pbtxt").is_file()


def test_the_server_gets_a_prefix_of_shared_memory_and_closed_protocols(log):
    with TritonServer(log) as server:
        received = flags_received(server)
    prefix = server.shared_memory_prefix
    assert f"--backend-config=python,shm-region-prefix-name={prefix}" in received
    assert "--model-control-mode=none" in received
    (closed,) = [flag for flag in received if flag.startswith("--grpc-restricted-protocol=")]
    assert closed.partition("=")[2].startswith("shared-memory,model-repository,trace,logging:")


def test_the_server_listens_only_for_the_proxy(log):
    with TritonServer(log, flags=["--grpc-address", "127.0.0.2", "--grpc-use-ssl=false"]) as server:
        received = flags_received(server)
        listening = [flag for flag in received if "-address" in flag or "-port" in flag]
        assert SHM / f"{server.shared_memory_prefix}grpc:1" in SHM.iterdir()
    prefix = SHM / server.shared_memory_prefix
    assert "--allow-http=false" in received
    assert listening == [
        f"--grpc-address=unix:{prefix}grpc",
        "--grpc-port=1",
        f"--metrics-address=unix:{prefix}metrics",
    ]
    assert not [flag for flag in received if "127.0.0.2" in flag or "ssl" in flag]
    assert not list(SHM.glob(f"{server.shared_memory_prefix}*"))


@pytest.mark.parametrize(
    "flags",
    [["--model-repository=mine"], ["--model-repository", "mine"], ["--model-store=mine"]],
)
def test_the_users_model_repository_replaces_the_default(flags, log):
    with TritonServer(log, flags=flags) as server:
        text = server.log.read_text()
    assert str(MODEL_REPOSITORY) not in text
    assert "mine" in text


def test_a_server_answers_at_its_addresses_until_it_is_stopped(log, seen):
    with TritonServer(log, flags=[seen.flag]) as server:
        processes = seen.started(1)
        assert server.url == f"127.0.0.1:{server.ports.grpc}"
        assert server.http_url == f"http://127.0.0.1:{server.ports.http}"
        assert server.metrics_url == f"http://127.0.0.1:{server.ports.metrics}/metrics"
        socket.create_connection(("127.0.0.1", server.ports.http)).close()
    seen.assert_ended(processes)


def test_a_server_is_stopped_by_sigterm(log):
    with TritonServer(log):
        pass
    assert log.read_text().endswith("asked to stop\n")


def test_an_error_inside_the_block_stops_the_server_too(log, seen):
    processes = []

    def fail_while_it_runs():
        with TritonServer(log, flags=[seen.flag]):
            processes.extend(seen.started(1))
            raise KeyError("of the caller")

    with pytest.raises(KeyError):
        fail_while_it_runs()
    seen.assert_ended(processes)


def test_a_server_that_exits_at_the_start_is_reported_with_its_error_and_last_lines(log):
    with pytest.raises(ServerError) as caught:
        TritonServer(log, flags=["--fake-exit=3"]).start()
    first, complaint, heading, *tail = str(caught.value).splitlines()
    assert first == "tritonserver ended with status 3 before it was ready"
    assert complaint == "E1122 something is wrong with model 'sad'"
    assert str(log) in heading
    assert tail == [f"I1122 line {number}" for number in range(20, 40)]


class Clock:
    """A clock for the wait until the server is ready: every sleep takes a minute."""

    def __init__(self, witness_of_two):
        self.now, self.processes, self._witness = 0.0, [], witness_of_two

    def monotonic(self):
        return self.now

    def sleep(self, _seconds):
        self.processes = self.processes or self._witness.started(2)
        self.now += 60


def test_a_server_that_is_never_ready_is_stopped_at_the_time_limit(log, seen, monkeypatch):
    clock = Clock(seen)
    monkeypatch.setattr(triton_server, "time", clock)
    server = TritonServer(log, flags=["--fake-deaf", "--fake-child", seen.flag])
    with pytest.raises(ServerError, match="was not ready in time"):
        server.start(timeout_s=150)
    assert clock.now == 180
    seen.assert_ended(clock.processes)


@pytest.mark.parametrize(
    "flags", [["--fake-child"], ["--fake-stubborn"], ["--fake-child", "--fake-stubborn"]]
)
def test_processes_that_ignore_sigterm_are_killed(flags, log, seen):
    server = TritonServer(log, flags=[*flags, seen.flag])
    server.start()
    processes = seen.started(2 if "--fake-child" in flags else 1)
    server.stop()
    seen.assert_ended(processes)


def test_stopping_twice_or_before_the_start_does_nothing(log):
    server = TritonServer(log)
    server.stop()
    server.start()
    server.stop()
    server.stop()


def test_a_stopped_server_can_be_started_again(log):
    server = TritonServer(log)
    for _ in range(2):
        server.start()
        server.stop()
    assert log.read_text().count("asked to stop") == 1  # every start has a log of its own


def test_a_server_that_exits_is_reported_with_its_status(log):
    server = TritonServer(log, flags=["--fake-answers=1"])
    server.start()
    assert str(wait_for_fault(server)).startswith("tritonserver ended with status 7\n")
    server.stop()


def test_a_lost_process_is_reported(log):
    server = TritonServer(log, flags=["--fake-child"])
    server.start()
    (child,) = children(server.pid)
    os.kill(child, signal.SIGKILL)
    assert str(wait_for_fault(server)).startswith("1 process(es) of a model ended unexpectedly\n")
    server.stop()


def wait_until_noted(monkeypatch):
    """Wait until all processes below the server, now taken for stubs, have been noted."""
    looked = threading.Event()

    def look(pid):
        found = dict.fromkeys(children(pid), "run")
        looked.set()
        return found

    monkeypatch.setattr(triton_server, "stubs", look)
    assert looked.wait(WAIT_S)
    looked.clear()
    assert looked.wait(WAIT_S)


def test_waiting_ends_when_a_loading_server_loses_a_process(log, seen, monkeypatch):
    monkeypatch.setattr(triton_server, "LOSS_S", 0.1)
    server = TritonServer(log, flags=["--fake-deaf", "--fake-child", seen.flag])
    with ThreadPoolExecutor(1) as thread:
        starting = thread.submit(server.start, 60)
        processes = seen.started(2)
        (lost,) = children(server.pid)
        wait_until_noted(monkeypatch)
        os.kill(lost, signal.SIGKILL)
        with pytest.raises(ServerError, match=r"^1 process\(es\) of model 'run' ended unexpect"):
            starting.result(WAIT_S)
    seen.assert_ended(processes)


def test_a_server_that_was_not_started_cannot_be_watched(log):
    with pytest.raises(ServerError, match="was not started"):
        wait_for_fault(TritonServer(log))


def test_the_log_of_the_previous_run_is_kept(log):
    log.parent.mkdir()
    log.write_text("how it ended\n")
    with TritonServer(log):
        pass
    assert log.with_name(log.name + ".1").read_text() == "how it ended\n"


def test_readiness_is_checked_at_the_servers_address(log):
    for address, asked in (
        ("127.0.0.2", "127.0.0.2"),
        ("0.0.0.0", "127.0.0.1"),
        ("::1", "[::1]"),
    ):
        for flags in ([f"--http-address={address}"], ["--http-address", address]):
            url = TritonServer(log, Ports(1, 2, 3), flags).http_url
            assert url == f"http://{asked}:1"


@pytest.mark.parametrize(
    "flag", ["--allow-http=true", "--allow-grpc=false", "--http-restricted-api=health:a=b"]
)
def test_unsupported_flags_are_refused_before_the_start(flag, log):
    with pytest.raises(ServerError, match=flag.partition("=")[0]):
        TritonServer(log, flags=[flag]).start()
    assert not log.exists()


def test_two_services_on_one_port_are_refused(log):
    with pytest.raises(ServerError, match="three different ports are needed"):
        TritonServer(log, Ports(18, 18, 19)).start()


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY"])
def test_a_configured_proxy_is_not_used_for_loopback(variable, log, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setattr(urllib.request, "_opener", None)  # else it may use an older environment
    server = TritonServer(log)
    server.start(timeout_s=3)
    server.stop()


def test_a_missing_launcher_is_reported_with_a_remedy(log, tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "LAUNCHER", tmp_path / "nowhere" / "tritonserver")
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(ServerError, match=r"scripts/setup\.sh"):
        TritonServer(log).start()


def test_stopping_during_the_start_leaves_no_process(log, seen, monkeypatch):
    begun = []

    class StoppedWhileItBegins(processes.subprocess.Popen):
        def __init__(self, command, **options):
            super().__init__(command, **options)
            if command[0] != str(processes.LAUNCHER):
                return  # the proxy
            begun.extend(seen.started(1))
            signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(processes.subprocess, "Popen", StoppedWhileItBegins)
    processes.exit_on_signals()
    try:
        with pytest.raises(SystemExit) as caught:
            TritonServer(log, flags=["--fake-deaf", seen.flag]).start()
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert caught.value.code == 128 + signal.SIGTERM
    seen.assert_ended(begun)


def test_models_that_may_be_unloaded_may_lose_processes(log):
    flags = ["--fake-child", "--fake-answers=2", "--model-control-mode=explicit"]
    server = TritonServer(log, flags=flags)
    server.start()
    (child,) = children(server.pid)
    os.kill(child, signal.SIGKILL)
    with ThreadPoolExecutor(1) as thread:
        watching = thread.submit(wait_for_fault, server)
        not_ready(server.http_url)  # its second answer
        assert str(watching.result(WAIT_S)).startswith("tritonserver ended with status 7")
    server.stop()


def test_tritonserver_on_path_is_used_if_the_environment_has_none(log, tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "LAUNCHER", tmp_path / "nowhere" / "tritonserver")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with TritonServer(log, flags=["--log-verbose=1"]) as server:
        assert "--log-verbose=1" in flags_received(server)

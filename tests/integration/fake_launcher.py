"""A fake `tritonserver` for tests of the code that starts and stops it; its flags control it.

--grpc-address=A, --grpc-port=N  the socket on which readiness is answered
--fake-report=N     every process connects to this port and keeps the connection until it ends
--fake-deaf         readiness is never answered
--fake-child        a child ignores SIGTERM
--fake-stubborn     the server itself ignores SIGTERM
--fake-exit=STATUS  it prints an error and ends at once
--fake-answers=N    it ends after N answers
--fake-once=FILE    only the first server to create this file runs, others fail at once

Beside gRPC it runs on the standard library alone: tests start it as a script.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from server.triton_server import TritonServer

READY = b"\x08\x01"  # ServerReadyResponse: ready
WAIT_S = 20.0
LIFE_S = 60  # no process outlives a test that fails to stop it for longer


def write_launcher(path: Path) -> Path:
    """This file as a program of the running interpreter."""
    with open(__file__) as source:  # noqa: PTH123
        path.write_text(f"#!{sys.executable} -I\n{source.read()}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


class Witness:
    """Sees processes of the fake server start and end, without knowing their ids."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.flag = f"--fake-report={listener.getsockname()[1]}"

    def started(self, n_processes: int) -> list[socket.socket]:
        """Wait until `n_processes` run."""
        connections = [self._listener.accept()[0] for _ in range(n_processes)]
        for connection in connections:
            connection.settimeout(WAIT_S)
        return connections

    def assert_ended(self, processes: list[socket.socket]) -> None:
        """Wait until all these processes have ended."""
        for connection in processes:
            assert connection.recv(1) == b""
            connection.close()


@contextmanager
def witness() -> Iterator[Witness]:
    """A witness that listens while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(WAIT_S)
        yield Witness(listener)


def flags_received(server: TritonServer) -> list[str]:
    """The flags that a server was started with, from its log."""
    return [line for line in server.log.read_text().splitlines() if line.startswith("--")]


def flag_values() -> dict[str, str]:
    """Flags as name -> value."""
    return dict(argument.partition("=")[::2] for argument in sys.argv[1:])


def report(flags: dict[str, str]) -> socket.socket | None:
    """Connect to the witness for the life of this process."""
    port = flags.get("--fake-report")
    return socket.create_connection(("127.0.0.1", int(port))) if port else None


def say(*lines: str) -> None:
    """Write to the log."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def say_goodbye(_number: int, _frame: object) -> None:
    say("asked to stop")
    sys.exit(0)


def begins_first(path: str) -> bool:
    """Whether no other server made this file before."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def run_child(flags: dict[str, str]) -> None:
    """Fork a process that only SIGKILL ends."""
    if os.fork() == 0:
        signal.alarm(LIFE_S)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stay(report(flags))


def stay(_kept: socket.socket | None) -> None:
    """Do nothing until a signal ends this process, with its connection open."""
    while True:
        signal.pause()


def answer(address: str, n_answers: float) -> None:
    """Answer readiness checks with `ready`, `n_answers` times."""
    import grpc

    over = threading.Event()
    left = [n_answers]

    def ready(_request: bytes, _context: grpc.ServicerContext) -> bytes:
        left[0] -= 1
        if left[0] <= 0:
            over.set()
        return READY

    handlers = {"ServerReady": grpc.unary_unary_rpc_method_handler(ready)}
    server = grpc.server(ThreadPoolExecutor(4))
    service = "inference.GRPCInferenceService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(address)
    server.start()
    over.wait()
    server.stop(1).wait()


def main() -> None:
    flags = flag_values()
    signal.alarm(LIFE_S)
    say(*sys.argv[1:])
    if "--fake-once" in flags and not begins_first(flags["--fake-once"]):
        flags["--fake-exit"] = "3"
    if "--fake-exit" in flags:
        say("E1122 something is wrong with model 'sad'")
        say(*(f"I1122 line {number}" for number in range(40)))
        sys.exit(int(flags["--fake-exit"]))
    signal.signal(signal.SIGTERM, say_goodbye)
    if "--fake-child" in flags:
        run_child(flags)
    if "--fake-stubborn" in flags:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    kept = report(flags)
    if "--fake-deaf" in flags:
        stay(kept)
    address = f"{flags['--grpc-address']}:{flags['--grpc-port']}"
    answer(address, float(flags.get("--fake-answers", "inf")))
    sys.exit(7)


if __name__ == "__main__":
    main()

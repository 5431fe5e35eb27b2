"""Known attacks on the server and the gateway, over and over, beside clients with good requests.

Good clients send a request that got UNAVAILABLE again, as client.py does; each has to get the
answer that it gets alone.
"""

import contextlib
import itertools
import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from console.run_report import log
from measure.kit import ROOT
from measure.serve_process import ServeProcess, serving
from measure.soaking.files import Speech, encoded, mov_of_one_chunk
from measure.soaking.load import GOOD, Mix, run_clients
from measure.soaking.requests import (
    OK,
    REFUSED,
    TIMEOUT_S,
    UNAVAILABLE,
    Client,
    OnOutcome,
    Outcome,
    Request,
    SoakError,
    Tensor,
)
from server.flags import LOOPBACK, Ports
from server.processes import stop

N_CLIENTS = 8
GATEWAY = ROOT / "client" / "web" / "app.py"
PATIENCE_S = TIMEOUT_S  # of a good client; an answer that comes later is lost
RETRY_AFTER_S = 0.5
PAUSE_S = 1.0  # between two attacks
STOP_EVERY_S = 60.0  # between two processes that are stopped
VICTIMS = ("run", "sad", "segmentation", "speaker_model")
TIMEOUT_GATEWAY_S = 60.0
TIMEOUT_CONNECTION_S = 120.0
N_SILENT = 50
N_SLOW = 15  # uploads of one address under way; beyond 20 the gateway refuses
BOUNDARY = "soak"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
ENDED = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class AttacksResult:
    """What came back."""

    wall_s: float
    n_answered: int  # good requests that got their answer
    n_again: int  # how many times one of them was sent again
    attacks: Mapping[str, Mapping[str, int]]  # number of responses by attack and status
    restarts: Sequence[str]  # what serve.py printed
    problems: Sequence[str]  # answers that were lost or wrong, attacks that succeeded


@dataclass
class Target:
    """What is attacked."""

    server: ServeProcess
    gateway_port: int  # of a gateway in front of it
    job: str = ""  # path of a finished job of the gateway

    def infer(self, name: str, shape: Sequence[int], model: str = "run", **texts: str) -> str:
        """Send zeros, as many as the shape says if that is possible; return the status."""
        n_bytes = 4 * math.prod(shape)
        tensor = Tensor(name, "FP32", shape, bytes(n_bytes if 0 < n_bytes < 2**30 else 0))
        with Client(self.server.url) as client:
            return client.infer(Request([tensor], texts, model)).status

    def ask_gateway(
        self, path: str, body: bytes = b"", method: str = "GET", **headers: str
    ) -> tuple[str, bytes]:
        """Return status and body of a response of the gateway."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        gateway = HTTPConnection(LOOPBACK, self.gateway_port, timeout=TIMEOUT_GATEWAY_S)
        with contextlib.closing(gateway):
            gateway.request(method, path, body, named)
            response = gateway.getresponse()
            return str(response.status), response.read()

    def upload(self, file: bytes, **headers: str) -> tuple[str, bytes]:
        """Post a form with one file."""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        body = head.encode() + file + f"\r\n--{BOUNDARY}--\r\n".encode()
        return self.ask_gateway("/v1/diarize", body, "POST", Content_Type=FORM, **headers)

    def send_http(self, request: bytes) -> str:
        """Send bytes to the server's HTTP port; return the status."""
        with _connections(self.server.ports.http) as (connection,):
            with contextlib.suppress(OSError):
                connection.sendall(request)
            with contextlib.suppress(OSError):
                return connection.recv(100).decode().partition(" ")[2][:3]
        return "501"  # it hung up before it had read all

    def open_silent_connections(self, port: int) -> str:
        """Open connections that send nothing, and wait until they are closed."""
        with _connections(port, N_SILENT) as connections:
            for connection in connections:
                with contextlib.suppress(ConnectionError):
                    while connection.recv(1000):
                        pass
        return "closed"

    def start_slow_uploads(self) -> str:
        """Start uploads of no declared length that stop after a byte; return their statuses."""
        head = f"POST /v1/diarize HTTP/1.1\r\nHost: {LOOPBACK}\r\nContent-Type: {FORM}\r\n"
        start = f"{head}Transfer-Encoding: chunked\r\n\r\n1\r\n-\r\n".encode()
        with _connections(self.gateway_port, N_SLOW) as connections:
            for connection in connections:
                connection.sendall(start)
            statuses = {connection.recv(100)[9:12].decode() for connection in connections}
        return " ".join(sorted(statuses))

    def correct(self, speaker: str, n_turns: int) -> str:
        """Correct a job to turns of as many speakers; return the status."""
        turns = [
            {"start_s": n / 1000, "end_s": (n + 1) / 1000, "speaker": f"{speaker}{n}"}
            for n in range(n_turns)
        ]
        body, path = json.dumps({"turns": turns}).encode(), f"{self.job}/turns"
        return self.ask_gateway(path, body, "PUT", Content_Type="application/json")[0]

    def inject_formula(self) -> str:
        """Name a speaker like a formula; return how the name is written into a CSV file."""
        if self.correct("=cmd", 1) != "200":
            return "refused"
        csv = self.ask_gateway(f"{self.job}/result?format=csv")[1]
        return "quoted" if b",'=cmd0" in csv else "as it is"

    def finish_job(self, file: bytes) -> None:
        """Let the gateway, as soon as it answers, finish the job that is attacked."""
        until_s = time.monotonic() + TIMEOUT_GATEWAY_S
        while True:
            try:
                status, answer = self.upload(file, Prefer="respond-async")
                break
            except OSError as error:
                if time.monotonic() > until_s:
                    raise SoakError(f"the gateway does not answer: {error}") from error
                time.sleep(RETRY_AFTER_S)
        if status != "202":
            raise SoakError(f"a good recording at the gateway: {answer.decode()}")
        self.job = f"/v1/jobs/{json.loads(answer)['id']}"
        while (state := json.loads(self.ask_gateway(self.job)[1])["state"]) not in ENDED:
            time.sleep(RETRY_AFTER_S)
        if state != "done":
            raise SoakError(f"a good recording at the gateway: {state}, expected done")


@contextlib.contextmanager
def _connections(port: int, number: int = 1) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection((LOOPBACK, port), TIMEOUT_CONNECTION_S))
            for _ in range(number)
        ]


HEAD = b"POST /v2/models/run/infer HTTP/1.1\r\nHost: x\r\n"
NESTED = HEAD + b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000
CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n[\r\n" * 700_000 + b"0\r\n\r\n"
BOMB = mov_of_one_chunk(declared_s=60, chunk_s=10, n_chunks=2200)
# Each attack, and what has to come back. A server that is restarting answers UNAVAILABLE, or 503.
ATTACKS: Mapping[str, tuple[Callable[[Target], str], str]] = {
    "shape of two negative sizes": (lambda at: at.infer("input", [-2, -2]), REFUSED),
    "shape beyond 64 bits": (lambda at: at.infer("input", [1, 2**62]), REFUSED),
    "inner model, a million streams":
        (lambda at: at.infer("samples", [1_000_000, 1], "sad"), "PERMISSION_DENIED"),
    "NUL in an id": (lambda at: at.infer("input", [1, 16_000], recording_id="a\0b"), REFUSED),
    "200 000 nested brackets over HTTP": (lambda at: at.send_http(NESTED), "501"),
    "700 000 chunks over HTTP": (lambda at: at.send_http(CHUNKS), "501"),
    "silent connections, HTTP":
        (lambda at: at.open_silent_connections(at.server.ports.http), "closed"),
    "silent connections, gRPC":
        (lambda at: at.open_silent_connections(at.server.ports.grpc), "closed"),
    "silent connections, gateway":
        (lambda at: at.open_silent_connections(at.gateway_port), "closed"),
    "film that decompresses to hours": (lambda at: at.upload(BOMB)[0], "422"),
    "uploads that stop after a byte": (Target.start_slow_uploads, "408"),
    "20 000 speakers' names": (lambda at: at.correct("S", 20_000), "422"),
    "formula as a name": (Target.inject_formula, "quoted"),
    "foreign page":
        (lambda at: at.ask_gateway("/v1/diarize", b"", "POST", Origin="http://[bad")[0], "403"),
    "path that is not UTF-8": (lambda at: at.ask_gateway("/v1/jobs/%ff")[0], "400"),
}  # fmt: skip
RESTARTING = (UNAVAILABLE, "503")


def run_attacks(speech: Speech, whole: Speech, seconds: float, server_log: Path) -> AttacksResult:
    """Attack a server and a gateway for some time, beside good clients.

    SoakError or ServerError if they do not start or stop.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_process_with_undecodable_name())
        server = stack.enter_context(serving(server_log))
        server.wait_until_ready()
        single = stack.enter_context(Client(server.url))
        good = Mix(single, speech, whole, seed=0).by_kind[GOOD]
        target = Target(server, stack.enter_context(_gateway(server.url)))
        target.finish_job(encoded(speech, kind="FLAC"))
        clients = [RetryingClient(server.url) for _ in range(N_CLIENTS)]
        for client in clients:
            stack.enter_context(client)
        requests, over = itertools.cycle(good), threading.Event()  # `next` is atomic
        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(
                run_clients, clients, lambda: None if over.is_set() else next(requests)
            )
            try:
                counts, restarts, problems = _attack(target, time.monotonic() + seconds)
            finally:
                over.set()
            load = running.result()
        problems += load.problems
        if not single.is_ready():
            problems.append("the server was not ready afterwards")
        if target.ask_gateway("/livez")[0] != "200":
            problems.append("the gateway was gone afterwards")
    n_again = sum(each.n_again for each in clients)
    n_answered = load.counts[GOOD].get(OK, 0)
    return AttacksResult(load.wall_s, n_answered, n_again, counts, restarts, problems)


def _attack(
    target: Target, until_s: float
) -> tuple[dict[str, dict[str, int]], list[str], list[str]]:
    """Try all attacks in turn, and stop one process every minute, until the time is over.

    Returns the number of responses by attack and status, what serve.py printed, and problems.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in ATTACKS}
    restarts: list[str] = []
    problems: list[str] = []
    stopped_s, n_rounds = time.monotonic(), 0
    while time.monotonic() < until_s or not n_rounds:
        for name, (attack, expected) in ATTACKS.items():
            counts[name][status := attack(target)] += 1
            if status not in (expected, *RESTARTING):
                problems.append(f"{name}: got {status}, expected {expected}")
                log.error("%s", problems[-1])
            time.sleep(PAUSE_S)
            if time.monotonic() > stopped_s + STOP_EVERY_S:
                victim = VICTIMS[len(restarts) % len(VICTIMS)]
                os.kill(target.server.pid_of(victim), signal.SIGSTOP)
                restarts.append(target.server.wait_until_ready())
                log.info("stopped a process of %s: %s", victim, restarts[-1])
                stopped_s = time.monotonic()
        n_rounds += 1
    by_attack = {name: dict(of_attack) for name, of_attack in counts.items()}  # as JSON has them
    return by_attack, restarts, list(dict.fromkeys(problems))


class RetryingClient(Client):
    """A client that sends a request again while the server is away, as client.py does."""

    n_again = 0

    def start(self, request: Request, on_outcome: OnOutcome) -> Any:  # noqa: ANN401
        """As `Client.start`, with the last outcome only."""
        until_s = time.monotonic() + PATIENCE_S

        def retry(outcome: Outcome) -> None:
            if outcome.status != UNAVAILABLE or time.monotonic() > until_s:
                on_outcome(outcome)
                return
            self.n_again += 1
            again = super(RetryingClient, self).start
            threading.Timer(RETRY_AFTER_S, again, (request, retry)).start()

        return super().start(request, retry)


@contextlib.contextmanager
def _process_with_undecodable_name() -> Iterator[None]:
    named = r"import ctypes, sys; ctypes.CDLL(None).prctl(15, b'\xff\xfe'); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", named], stdin=subprocess.PIPE):
        yield


@contextlib.contextmanager
def _gateway(url: str) -> Iterator[int]:
    """Start a gateway in front of the server; yield its port."""
    port = Ports.free().http
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        flags = [f"--url={url}", f"--port={port}", f"--work_dir={name}/work", "--rate=0"]
        process = subprocess.Popen([sys.executable, str(GATEWAY), *flags])
        try:
            yield port
        finally:
            stop_gateway(process)


def stop_gateway(process: "subprocess.Popen[bytes]", within_s: float = TIMEOUT_GATEWAY_S) -> None:
    """Terminate the gateway; SoakError if it does not stop in time and has to be killed."""
    stop(process, within_s)
    if process.returncode == -signal.SIGKILL:
        raise SoakError(f"the gateway did not stop within {within_s:g} s and was killed")

"""Everything that an attacker was seen to try, over and over, beside clients who do no harm.

A server by serve.py and a gateway in front of it are attacked. Good clients send a request that got
UNAVAILABLE again, as client.py does; each has to get the answer that it gets alone.
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
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure.kit import ROOT
from measure.serve_process import ServeProcess, serving
from measure.soaking.alone import SoakError
from measure.soaking.asking import REFUSED, TIMEOUT_S, Asker, Deliver, Outcome, Request, Tensor
from measure.soaking.audio import Speech
from measure.soaking.bombs import mov_of_one_chunk
from measure.soaking.crowd import let_loose
from measure.soaking.files import encoded
from measure.soaking.mix import GOOD, Mix, Planned
from server.ports import LOOPBACK, Ports

N_CLIENTS = 8
GATEWAY = ROOT / "client" / "web" / "app.py"
UNAVAILABLE = "UNAVAILABLE"
PATIENCE_S = TIMEOUT_S  # of a good client; what comes later counts as lost
REST_S = 0.5  # before it sends again
PAUSE_S = 1.0  # between two attacks
STOPS_EVERY_S = 60.0  # between two processes that are stopped
VICTIMS = ("run", "sad", "segmentation", "speaker_model")
ANSWERED_WITHIN_S = 60.0
N_SILENT = 50
N_SLOW = 15  # uploads of one address under way; beyond 20 the gateway refuses
BOUNDARY = "soak"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


@dataclass(frozen=True)
class AttacksResult:
    """What came of it.

    Parameters
    ----------
    wall_s : float
        How long it went on.
    n_answered : int
        Good requests that got their answer.
    n_again : int
        Times that one of them was sent again.
    attacks : Mapping[str, Mapping[str, int]]
        What came back, by attack.
    restarts : Sequence[str]
        What serve.py said.
    problems : Sequence[str]
        All that is wrong: answers lost or unlike those alone, attacks that were let in.
    """

    wall_s: float
    n_answered: int
    n_again: int
    attacks: Mapping[str, Mapping[str, int]]
    restarts: Sequence[str]
    problems: Sequence[str]


@dataclass
class Target:
    """What is attacked.

    Parameters
    ----------
    server : ServeProcess
        With its HTTP port in `ports`.
    gateway : str
        URL of the gateway.
    job : str
        Path of a job there that is done.
    """

    server: ServeProcess
    gateway: str
    job: str

    def infer(self, name: str, shape: Sequence[int], model: str = "run", **texts: str) -> str:
        """Status of an inference of zeros, as many as the shape says if that is possible."""
        n_bytes = 4 * math.prod(shape)
        zeros = bytes(n_bytes if 0 < n_bytes < 2**30 else 0)
        with Asker(self.server.url) as asker:
            tensor = Tensor(name, "FP32", shape, zeros)
            return asker.ask(Request([tensor], texts, model)).status

    def ask(
        self, path: str, body: bytes | None = None, method: str = "GET", **headers: str
    ) -> tuple[str, bytes]:
        """Status and body of an answer of the gateway."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.gateway + path, body, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=ANSWERED_WITHIN_S) as answer:
                return str(answer.status), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return str(error.code), error.read()

    def upload(self, file: bytes, **headers: str) -> tuple[str, bytes]:
        """Status and body of the answer to a form with one file."""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        body = head.encode() + file + f"\r\n--{BOUNDARY}--\r\n".encode()
        return self.ask("/v1/diarize", body, "POST", Content_Type=FORM, **headers)

    def http(self, request: bytes) -> str:
        """Status of an answer to these bytes on the server's HTTP port."""
        with socket.create_connection((LOOPBACK, self.server.ports.http), timeout=60) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(request)
            with contextlib.suppress(OSError):
                return connection.recv(100).decode().partition(" ")[2][:3]
        return "501"  # it hung up before it had read all

    def silent(self, port: int) -> str:
        """Connections that say nothing; whether they are closed."""
        with contextlib.ExitStack() as stack:
            address = (LOOPBACK, port)
            connections = [
                stack.enter_context(socket.create_connection(address, timeout=60))
                for _ in range(N_SILENT)
            ]
            for connection in connections:
                with contextlib.suppress(ConnectionError):
                    while connection.recv(1000):
                        pass
        return "closed"

    def slow_uploads(self) -> str:
        """Uploads of no declared length that stop after a byte; what becomes of them."""
        head = f"POST /v1/diarize HTTP/1.1\r\nHost: {LOOPBACK}\r\nContent-Type: {FORM}\r\n"
        with contextlib.ExitStack() as stack:
            address = (LOOPBACK, int(self.gateway.rpartition(":")[2]))
            connections = [
                stack.enter_context(socket.create_connection(address, timeout=120))
                for _ in range(N_SLOW)
            ]
            for connection in connections:
                connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n1\r\n-\r\n".encode())
            answers = {connection.recv(100)[9:12].decode() for connection in connections}
        return " ".join(sorted(answers))

    def names(self, speaker: str, n_turns: int) -> str:
        """Status of a correction with so many speakers called alike."""
        turns = [
            {"start_s": n / 1000, "end_s": (n + 1) / 1000, "speaker": f"{speaker}{n}"}
            for n in range(n_turns)
        ]
        body = json.dumps({"turns": turns}).encode()
        return self.ask(f"{self.job}/turns", body, "PUT", Content_Type="application/json")[0]

    def formula(self) -> str:
        """What a spreadsheet gets of a speaker's name that is a formula."""
        if self.names("=cmd", 1) != "200":
            return "refused"
        return (
            "quoted" if b",'=cmd0" in self.ask(f"{self.job}/result?format=csv")[1] else "as it is"
        )


HEAD = b"POST /v2/models/run/infer HTTP/1.1\r\nHost: x\r\n"
NESTED = HEAD + b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000
CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n[\r\n" * 700_000 + b"0\r\n\r\n"
BOMB = mov_of_one_chunk(declared_s=60, chunk_s=10, n_chunks=2200)
# Each, and what has to come back. A server that starts again answers UNAVAILABLE, the gateway 503.
ATTACKS: Mapping[str, tuple[Callable[[Target], str], str]] = {
    "shape of two negative sizes": (lambda at: at.infer("input", [-2, -2]), REFUSED),
    "shape beyond 64 bits": (lambda at: at.infer("input", [1, 2**62]), REFUSED),
    "inner model, a million streams": (
        lambda at: at.infer("samples", [1_000_000, 1], "sad"),
        "PERMISSION_DENIED",
    ),
    "NUL in an id": (lambda at: at.infer("input", [1, 16_000], recording_id="a\0b"), REFUSED),
    "200 000 nested brackets over HTTP": (lambda at: at.http(NESTED), "501"),
    "700 000 chunks over HTTP": (lambda at: at.http(CHUNKS), "501"),
    "silent connections, HTTP": (lambda at: at.silent(at.server.ports.http), "closed"),
    "silent connections, gRPC": (lambda at: at.silent(at.server.ports.grpc), "closed"),
    "silent connections, gateway": (
        lambda at: at.silent(int(at.gateway.rpartition(":")[2])),
        "closed",
    ),
    "film that is a bomb": (lambda at: at.upload(BOMB)[0], "422"),
    "uploads that stop after a byte": (Target.slow_uploads, "408"),
    "20 000 speakers' names": (lambda at: at.names("S", 20_000), "422"),
    "formula as a name": (Target.formula, "quoted"),
    "foreign page": (
        lambda at: at.ask("/v1/diarize", b"", "POST", Origin="http://[bad")[0],
        "403",
    ),
    "path that is no UTF-8": (lambda at: at.ask("/v1/jobs/%ff")[0], "400"),
}
AWAY = (UNAVAILABLE, "503")
ENDED = ("done", "failed", "cancelled")


def run_attacks(
    speech: Speech, whole: Speech, seconds: float, log: Path, tell: Callable[[str], None]
) -> AttacksResult:
    """Attack a server and a gateway for so long, beside good clients.

    Raises
    ------
    SoakError, ServerError
        If they do not start.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_process_with_a_name_that_is_no_text())
        server = stack.enter_context(serving(log))
        server.wait_until_ready()
        with Asker(server.url) as asker:
            known = Mix(asker, speech, whole, seed=0).known[GOOD]
        url = stack.enter_context(_gateway(server.url))
        target = Target(server, url, "")
        target.job = _job(target, encoded(speech, kind="FLAC"))
        clients = [_Patient(server.url) for _ in range(N_CLIENTS)]
        for client in clients:
            stack.enter_context(client)
        requests, over = itertools.cycle(known), threading.Event()  # a step is one for all threads

        def following() -> Planned | None:
            return None if over.is_set() else Planned(GOOD, next(requests))

        started_s = time.monotonic()
        with ThreadPoolExecutor(1) as thread:
            crowd = thread.submit(let_loose, clients, following)
            try:
                attacks, restarts, problems = _attacked(target, started_s + seconds, tell)
            finally:
                over.set()
            ledger = crowd.result()
        wall_s = time.monotonic() - started_s
        with Asker(server.url) as asker:
            gone = [] if asker.ready() else ["the server was not ready afterwards"]
        gone += [] if target.ask("/livez")[0] == "200" else ["the gateway was gone afterwards"]
    return AttacksResult(
        wall_s, len(ledger.latencies_s(GOOD)), sum(each.n_again for each in clients), attacks,
        restarts, [*problems, *ledger.wrong, *ledger.lost, *gone],
    )  # fmt: skip


def _attacked(
    target: Target, until_s: float, tell: Callable[[str], None]
) -> tuple[dict[str, dict[str, int]], list[str], list[str]]:
    """All attacks in turn, and one process stopped every minute, until the time is over."""
    found: dict[str, Counter[str]] = {name: Counter() for name in ATTACKS}
    restarts: list[str] = []
    problems: list[str] = []
    stopped_s, n_rounds = time.monotonic(), 0
    while time.monotonic() < until_s or not n_rounds:
        for name, (attack, expected) in ATTACKS.items():
            found[name][came := attack(target)] += 1
            if came not in (expected, *AWAY):
                problems.append(f"{name}: got {came}, expected {expected}")
                tell(problems[-1])
            time.sleep(PAUSE_S)
            if time.monotonic() > stopped_s + STOPS_EVERY_S:
                victim = VICTIMS[len(restarts) % len(VICTIMS)]
                os.kill(target.server.pid_of(victim), signal.SIGSTOP)
                restarts.append(target.server.wait_until_ready())
                tell(f"stopped a process of {victim}: {restarts[-1]}")
                stopped_s = time.monotonic()
        n_rounds += 1
    counts = {name: dict(of_attack) for name, of_attack in found.items()}
    return counts, restarts, list(dict.fromkeys(problems))


class _Patient(Asker):
    """A client that sends a request again while the server is away, as client.py does."""

    n_again = 0

    def send(self, request: Request, deliver: Deliver) -> Any:  # noqa: ANN401
        """As `Asker.send`; only the last outcome is delivered."""
        until_s = time.monotonic() + PATIENCE_S

        def take(outcome: Outcome) -> None:
            if outcome.status != UNAVAILABLE or time.monotonic() > until_s:
                deliver(outcome)
                return
            self.n_again += 1
            threading.Timer(REST_S, super(_Patient, self).send, (request, take)).start()

        return super().send(request, take)


@contextlib.contextmanager
def _process_with_a_name_that_is_no_text() -> Iterator[None]:
    named = r"import ctypes, sys; ctypes.CDLL(None).prctl(15, b'\xff\xfe'); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", named], stdin=subprocess.PIPE):
        yield


@contextlib.contextmanager
def _gateway(url: str) -> Iterator[str]:
    """A gateway in front of the server; its URL."""
    port = Ports.free().http
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name) / "work"
        flags = [f"--url={url}", f"--port={port}", f"--work_dir={folder}", "--rate=0"]
        process = subprocess.Popen([sys.executable, str(GATEWAY), *flags])
        try:
            yield f"http://{LOOPBACK}:{port}"
        finally:
            process.terminate()
            process.wait(ANSWERED_WITHIN_S)


def _job(target: Target, file: bytes) -> str:
    """Path of a job that is done."""
    until_s = time.monotonic() + ANSWERED_WITHIN_S
    while time.monotonic() < until_s:
        with contextlib.suppress(OSError):
            status, answer = target.upload(file, Prefer="respond-async")
            if status != "202":
                raise SoakError(f"a good recording at the gateway: {answer.decode()}")
            path = f"/v1/jobs/{json.loads(answer)['id']}"
            while (state := json.loads(target.ask(path)[1])["state"]) not in ENDED:
                time.sleep(REST_S)
            if state != "done":
                raise SoakError(f"a good recording at the gateway: {state}, expected done")
            return path
        time.sleep(REST_S)
    raise SoakError(f"the gateway at {target.gateway} does not answer")

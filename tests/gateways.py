"""A gateway on a free port, in a thread of the test, and a client of it."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import requests

from server.flags import Ports
from server.triton_server import ROOT
from web.gateway import Gateway
from web.serving import make_server
from web.settings import Settings

APP = ROOT / "client" / "web" / "app.py"
WITHIN_S = 60
PROBLEM = "application/problem+json"
KEY = "a-key-of-sixteen-or-more-bytes"
# A form with a file, written by hand.
FORM = {"Content-Type": "multipart/form-data; boundary=x"}
FILE_HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
FORM_END = b"\r\n--x--\r\n"


class Clock:
    """The real time plus an offset."""

    def __init__(self) -> None:
        self.leap_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.leap_s


class Caller:
    """A client of the gateway.

    Parameters
    ----------
    url
        Of the gateway, or of a proxy.
    headers
        Sent with every request.
    """

    def __init__(self, url: str, **headers: str) -> None:
        self.url = url
        self.process: subprocess.Popen[str]  # if it is a program
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy between this machine and itself
        self._session.headers.update(headers)

    def trust(self, authority: Path) -> None:
        """Trust this authority, a PEM file, alone."""
        self._session.verify = str(authority)

    def ask(self, method: str, path: str, **more: object) -> requests.Response:
        """Send a request."""
        return self._session.request(method, self.url + path, timeout=WITHIN_S, **more)

    def get(self, path: str, **more: object) -> requests.Response:
        """Send a GET."""
        return self.ask("GET", path, **more)

    def send(
        self,
        file: Path,
        name: str | None = None,
        headers: dict[str, str] | None = None,
        query: str = "",
        **fields: object,
    ) -> requests.Response:
        """Upload a file, under another name if given, with these form fields."""
        with file.open("rb") as content:
            return self.ask(
                "POST",
                f"/v1/diarize{query}",
                files={"file": (name or file.name, content)},
                data=fields,
                headers=headers,
            )

    def start(self, file: Path, **more: object) -> str:
        """Upload a file as a job; return the job's path."""
        answer = self.send(file, headers={"Prefer": "respond-async"}, **more)
        assert answer.status_code == 202, answer.text
        return answer.headers["Location"]

    def state(self, job: str) -> str:
        """Return the state of a job."""
        return self.get(job).json()["state"]

    def ended(self, job: str, within_s: float = WITHIN_S) -> dict:
        """Wait for the end of a job; return its document."""
        wait_until(lambda: self.state(job) in ("done", "failed", "cancelled"), within_s)
        return self.get(job).json()


class Serving(Caller):
    """A gateway that serves, with its parts."""

    def __init__(self, gateway: Gateway, url: str) -> None:
        super().__init__(url)
        self.gateway = gateway
        self.folder = gateway.settings.work_dir

    @property
    def n_cancelled(self) -> int:
        """Number of cancelled jobs, from the metrics."""
        name = 'diarization_web_jobs_ended_total{state="cancelled"} '
        lines = self.get("/metrics").text.splitlines()
        (value,) = [line.removeprefix(name) for line in lines if line.startswith(name)]
        return int(float(value))

    def files(self) -> list[Path]:
        """List all files in its work folder."""
        kept = [path for path in self.folder.rglob("*") if path.is_file()]
        return [path for path in kept if path.name != "lock"]


@contextlib.contextmanager
def serving(settings: Settings, clock: Callable[[], float] = time.time) -> Iterator[Serving]:
    """Serve while the block runs; its end is like SIGTERM."""
    gateway = Gateway(replace(settings, port=0), clock)
    server = make_server(gateway.settings, gateway)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        (listening,) = server.servers[0].sockets
        yield Serving(gateway, f"http://127.0.0.1:{listening.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join(WITHIN_S)


@contextlib.contextmanager
def program(*flags: object, port: int | None = None) -> Iterator[Caller]:
    """Run the gateway as a process, by default on a free port; yields a client with `process`."""
    port = port or Ports.free().http
    process = subprocess.Popen(
        [sys.executable, APP, f"--port={port}", *map(str, flags)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            caller = Caller(f"http://127.0.0.1:{port}")
            caller.process = process
            wait_until(lambda: _is_up(caller) or process.poll() is not None)
            yield caller
        finally:
            process.kill()


def _is_up(caller: Caller) -> bool:
    with contextlib.suppress(OSError):
        return caller.get("/livez").status_code == 200
    return False


def wait_until(true: Callable[[], object], within_s: float = WITHIN_S) -> None:
    """Poll a condition; fails if it does not become true."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def assert_problem(answer: requests.Response, status: int, *words: str) -> dict:
    """Check that an answer is a problem with these words in its detail; return its body."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == PROBLEM
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["type"] == "about:blank"
    assert body["status"] == status
    assert body["title"]
    for word in words:
        assert word in body["detail"]
    assert "Traceback" not in answer.text
    assert "/tmp" not in answer.text
    return body


def begin_upload(url: str, n_bytes: int | None, body: bytes = b"") -> http.client.HTTPConnection:
    """Send the header of an upload of a declared length (None: chunked), and the start of it."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=WITHIN_S)
    connection.putrequest("POST", "/v1/diarize")
    connection.putheader("Content-Type", FORM["Content-Type"])
    if n_bytes is None:
        connection.putheader("Transfer-Encoding", "chunked")
        body = chunk(body) if body else b""
    else:
        connection.putheader("Content-Length", str(n_bytes))
    connection.endheaders(body)
    return connection


def chunk(content: bytes) -> bytes:
    """Encode a piece of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(content), content)

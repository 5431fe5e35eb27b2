"""A gateway that serves on a free port, in a thread of the test, and calls to it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import requests

from web.gateway import Gateway
from web.serving import make_server
from web.settings import Settings

WITHIN_S = 60
PROBLEM = "application/problem+json"


class Clock:
    """Time that goes on as it does, and by leaps."""

    def __init__(self) -> None:
        self.leap_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.leap_s


class Caller:
    """What a client of the gateway does.

    Parameters
    ----------
    url
        Of the gateway, or of what stands before it.
    headers
        That go with every request.
    """

    def __init__(self, url: str, **headers: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy between this machine and itself
        self._session.headers.update(headers)

    def trust(self, authority: Path) -> None:
        """Believe certificates of this authority, a PEM file, alone."""
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
        """Upload a file under a name, with these fields of the form."""
        with file.open("rb") as content:
            return self.ask(
                "POST",
                f"/v1/diarize{query}",
                files={"file": (name or file.name, content)},
                data=fields,
                headers=headers,
            )

    def start(self, file: Path, **more: object) -> str:
        """Upload a file as a job; its path."""
        answer = self.send(file, headers={"Prefer": "respond-async"}, **more)
        assert answer.status_code == 202, answer.text
        return answer.headers["Location"]

    def state(self, job: str) -> str:
        """Where a job is."""
        return self.get(job).json()["state"]

    def ended(self, job: str, within_s: float = WITHIN_S) -> dict:
        """Wait for a job; its document."""
        wait_until(lambda: self.state(job) in ("done", "failed", "cancelled"), within_s)
        return self.get(job).json()


class Serving(Caller):
    """A gateway that serves, and what it is made of."""

    def __init__(self, gateway: Gateway, url: str) -> None:
        super().__init__(url)
        self.gateway = gateway
        self.folder = gateway.settings.work_dir

    def files(self) -> list[Path]:
        """All files that it keeps."""
        kept = [path for path in self.folder.rglob("*") if path.is_file()]
        return [path for path in kept if path.name != "lock"]


@contextlib.contextmanager
def serving(settings: Settings, clock: Callable[[], float] = time.time) -> Iterator[Serving]:
    """Serve while the block runs; as after SIGTERM at its end."""
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


def wait_until(true: Callable[[], object], within_s: float = WITHIN_S) -> None:
    """Look again and again; fails if it does not come true."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def assert_problem(answer: requests.Response, status: int, *words: str) -> dict:
    """Fail unless it is a problem of this status, whose detail has the words; its body."""
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

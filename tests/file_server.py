"""A web server on the loopback interface that serves bytes by path, for tests of downloads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """What is served, what was asked for, and how answers are cut short."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.asked: list[str] = []
        self.ranges: list[str | None] = []  # asked for with each that was found
        self.version = ""  # ETag of all files; with one, parts of files are sent
        self.missing_bytes = 0  # announced, but not sent
        self.n_cuts: int | None = None  # answers that lack them; None: all
        self.stall = False  # keep the connection open instead of sending the missing bytes
        self.half_sent = threading.Event()
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def cut_bytes(self) -> int:
        """How many bytes the next answer lacks."""
        if self.n_cuts is None:
            return self.missing_bytes
        self.n_cuts -= 1
        return self.missing_bytes if self.n_cuts >= 0 else 0


class Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.server.asked.append(name)
        if name not in self.server.files:
            self.send_error(404)
            return
        content = self.begin_answer(self.server.files[name])
        self.wfile.write(content[: len(content) - self.server.cut_bytes()])
        self.wfile.flush()
        self.server.half_sent.set()
        if self.server.stall:
            self.server.released.wait()

    def begin_answer(self, content: bytes) -> bytes:
        """Send the headers of the whole file or of the part asked for; return its bytes."""
        version, asked = self.server.version, self.headers.get("Range")
        self.server.ranges.append(asked)
        n_whole, first = len(content), 0
        if asked and version and self.headers["If-Range"] == version:
            first = int(asked.removeprefix("bytes=").removesuffix("-"))
        content = content[first:]
        self.send_response(206 if first and content else 200 if content else 416)
        if first and content:
            self.send_header("Content-Range", f"bytes {first}-{n_whole - 1}/{n_whole}")
        if version:
            self.send_header("ETag", version)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return content

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[FileServer]:
    """Serve `files` (path without slash -> content) while the block runs."""
    server = FileServer(files)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()

"""The parts that the routes share, and the admission of uploads."""

import asyncio
import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from sending.service import Service, ServiceError
from web.http.access import RateLimiter, client_name, require_key
from web.http.metrics import Metrics
from web.http.problems import ProblemError, retry_later
from web.jobs.live_files import MAX_BYTES
from web.jobs.runner import Pace, Runner
from web.jobs.store import Job, JobStore, State
from web.jobs.uploads import declared_bytes
from web.jobs.views import SharedWork, Views
from web.jobs.work_folder import WorkFolder
from web.settings import Settings

log = logging.getLogger("diarization_web")

SWEEP_EVERY_S = 30.0
RETRY_AFTER_S = 10.0  # a guess, when all places are taken


class Gateway:
    """The parts of a gateway; WorkFolderError if its folder cannot be used.

    Jobs expire by `clock`, seconds since the epoch.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.clock = clock
        self.folder = WorkFolder(settings.work_dir)
        self.store = JobStore(self.folder, settings.keep_s, clock)
        self.runner = Runner(settings, self.store)
        self.views = Views(self.folder)
        self.metrics = Metrics(self.store)
        self.store.on_end = self._on_end
        self._pace = Pace()
        self._checks = SharedWork(1)
        self._rates = RateLimiter(settings.rate_per_minute)
        self._uploads: Counter[str] = Counter()  # in progress, by client
        self._streams: Counter[str] = Counter()  # live, by client
        self._received_bytes = 0  # of uploads in progress
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start to work, first on the jobs of an earlier gateway."""
        for job in self.store.load():
            self.runner.submit(job)
        self.runner.start()

    def stop(self) -> None:
        """Cancel all work, and release the folder."""
        self.runner.stop()
        self.views.close()
        self._checks.close()
        self.store.close()

    async def sweep(self) -> None:
        """Remove expired jobs, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            try:
                await asyncio.to_thread(self.store.expire)
            except OSError:
                log.exception("cannot remove expired jobs")

    def admit(self, request: HTTPConnection, headers: Mapping[str, str] | None = None) -> None:
        """Check the rate and the key of an upload before its body is read, or of a stream.

        The key is in `headers`, by default those of the request.

        Raises
        ------
        ProblemError
            429 from a client that uploads too often, 401 without a key.
        """
        wait_s = self._rates.take(_client(request))
        if wait_s:
            limit = self.settings.rate_per_minute
            raise retry_later(429, f"more than {limit} uploads a minute from this address", wait_s)
        require_key(request.headers if headers is None else headers, self.settings.api_keys)

    @contextlib.contextmanager
    def upload_slot(self, request: Request) -> Iterator[Callable[[int], None]]:
        """Occupy a place for an upload, and disk space for the part that has been received.

        Yields
        ------
        Callable[[int], None]
            To be called with the number of bytes received; ProblemError 503 if there is no space
            for them.

        Raises
        ------
        ProblemError
            429 or 503 if there is no place, 503 if there is no space for the declared length.
        """
        client, n_received = _client(request), 0

        def reserve(n_bytes: int) -> None:
            nonlocal n_received
            with self._lock:
                self._require_space(n_bytes)
                self._received_bytes += n_bytes
                n_received += n_bytes

        with self._lock:
            self._require_place(client)
            declared = declared_bytes(request) or 0
            self._require_space(min(declared, self.settings.max_upload_bytes))
            self._uploads[client] += 1
        try:
            yield reserve
        finally:
            with self._lock:
                self._uploads -= Counter([client])  # drops a client without uploads
                self._received_bytes -= n_received

    @contextlib.contextmanager
    def stream_slot(self, connection: HTTPConnection) -> Iterator[None]:
        """Occupy a place for a live stream.

        Raises
        ------
        ProblemError
            429 or 503 if there is none.
        """
        client = _client(connection)
        of_client, of_all = self.settings.max_client_uploads, self.settings.max_streams
        with self._lock:
            if self._streams[client] >= of_client:
                detail = f"{of_client} streams from this address are open, expected no more"
                raise retry_later(429, detail, RETRY_AFTER_S)
            if self._streams.total() >= of_all:
                raise retry_later(503, f"{of_all} streams are open, no more fit", RETRY_AFTER_S)
            self._streams[client] += 1
        try:
            with self.metrics.streams.track_inprogress():
                yield
        finally:
            with self._lock:
                self._streams -= Counter([client])

    def require_growth(self, n_bytes: int, n_more: int) -> None:
        """Check that the recording of a live session may grow.

        Raises
        ------
        ProblemError
            413 if it gets too large, 503 if there is no space.
        """
        limit = min(self.settings.max_upload_bytes, MAX_BYTES)
        if n_bytes + n_more > limit:
            raise ProblemError(
                413, f"the recording gets {n_bytes + n_more} bytes, expected at most {limit}"
            )
        with self._lock:
            self._require_space(n_more)

    def _require_place(self, client: str) -> None:
        limit = self.settings.max_client_uploads
        if self._uploads[client] >= limit:
            detail = f"{limit} uploads from this address are in progress, expected no more"
            raise retry_later(429, detail, RETRY_AFTER_S)
        n_uploads, n_waiting = self._uploads.total(), self.runner.n_waiting
        limit = self.settings.max_waiting + self.settings.n_workers
        if n_uploads + n_waiting >= limit:
            raise retry_later(
                503,
                f"{n_waiting} recordings wait and {n_uploads} uploads are in progress, expected at "
                f"most {limit} together",
                RETRY_AFTER_S,
            )

    def _require_space(self, n_bytes: int) -> None:
        limit, kept_bytes = self.settings.max_stored_bytes, self.store.stored_bytes()
        if kept_bytes + self._received_bytes + n_bytes > limit:
            raise retry_later(
                503,
                f"of {limit} bytes for recordings, {kept_bytes} are kept until they expire and "
                f"{self._received_bytes} belong to uploads in progress: no room for {n_bytes} more",
                RETRY_AFTER_S,
            )

    def remove(self, job: Job) -> None:
        """Cancel a job, and remove all its files."""
        self.runner.cancel(job)
        self.store.remove(job)

    def remaining_s(self, job: Job) -> float | None:
        """Estimate when a job will be done; None if its length is unknown or it has ended."""
        if job.has_ended or job.audio_s is None:
            return None
        ahead = self.runner.ahead_of(job)
        return self._pace.remaining_s(job, self.clock(), ahead, self.settings.n_workers)

    async def check_triton(self) -> None:
        """Check that the model is ready; ProblemError 503 if it is not."""
        await self._checks.run("", self._check_triton)

    def _check_triton(self) -> None:
        settings = self.settings
        try:
            with Service(settings.url, settings.model_name, 1, {}, settings.access) as service:
                service.check()
        except ServiceError as error:
            log.warning("not ready: %s", error)
            raise ProblemError(503, "the diarization server is not ready") from error

    def _on_end(self, job: Job) -> None:
        self.metrics.job(job)
        if job.state == State.DONE and job.started_s is not None:
            self._pace.learn(job.audio_s, job.work_s)


def _client(request: HTTPConnection) -> str:
    return client_name(request.client.host if request.client else None)


def _gateway(request: HTTPConnection) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


TheGateway = Annotated[Gateway, Depends(_gateway)]

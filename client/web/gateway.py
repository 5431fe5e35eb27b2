"""All that the routes need, put together once."""

import asyncio
import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Annotated

from fastapi import Depends, Request

from sending.service import Service, ServiceError
from web.estimates import Load, Pace, remaining_s
from web.guards import refuse_without_key
from web.jobs import Job
from web.limits import TokenBuckets, client_name
from web.metrics import Metrics
from web.problems import ProblemError, later
from web.running import Runner
from web.settings import Settings
from web.shared_work import SharedWork
from web.store import JobStore
from web.uploads import declared_bytes
from web.viewing import Views
from web.work_folder import WorkFolder

log = logging.getLogger("diarization_web")

SWEEP_EVERY_S = 30.0
BUSY_WAIT_S = 10.0  # a guess: when to come again where all places are taken


class Gateway:
    """The gateway's parts.

    Parameters
    ----------
    settings : Settings
        All that it was told.
    clock : Callable[[], float]
        Seconds since the epoch, by which jobs expire.

    Raises
    ------
    WorkFolderError
        If the work folder cannot be used.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.clock = clock
        self.folder = WorkFolder(settings.work_dir)
        self.store = JobStore(self.folder, settings.keep_s, clock)
        self.runner = Runner(settings, self.store)
        self.views = Views(self.folder)
        self.pace = Pace()
        self.metrics = Metrics(self.store.counts, self.store.stored_bytes)
        self.store.on_end = self._ended
        self._checking = SharedWork(1)
        self._buckets = TokenBuckets(settings.rate_per_minute)
        self._uploads: Counter[str] = Counter()  # under way, by client
        self._coming_bytes = 0
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to work, first on what an earlier gateway left."""
        for job in self.store.load():
            self.runner.submit(job)
        self.runner.start()

    def stop(self) -> None:
        """Break off all work, and leave the folder to the next gateway."""
        self.runner.stop()
        self.views.close()
        self._checking.close()
        self.store.close()

    async def sweep_for_ever(self) -> None:
        """Remove jobs when their time is over, whether somebody asks for them or not."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            try:
                await asyncio.to_thread(self.store.expire)
            except OSError:
                log.exception("cannot remove what has expired")

    def refuse_unwanted(self, request: Request) -> None:
        """Refuse an upload before any of it is read.

        Raises
        ------
        ProblemError
            429 from a client that comes too often, 401 without a key.
        """
        wait_s = self._buckets.take(_client(request))
        if wait_s:
            most = self.settings.rate_per_minute
            raise later(429, f"more than {most} uploads a minute from this address", wait_s)
        refuse_without_key(request.headers, self.settings.api_keys)

    @contextlib.contextmanager
    def place(self, request: Request) -> Iterator[Callable[[int], None]]:
        """Hold a place for an upload, and room on the disk for what of it has arrived.

        Yields
        ------
        Callable[[int], None]
            Must be called with the number of bytes that arrive; ProblemError 503 where there is no
            room for them any more.

        Raises
        ------
        ProblemError
            429 or 503 where there is no place, 503 where there is no room for the whole upload.
        """
        client, n_arrived = _client(request), 0

        def arrived(n_bytes: int) -> None:
            nonlocal n_arrived
            with self._lock:
                self._refuse_without_room(n_bytes)
                self._coming_bytes += n_bytes
                n_arrived += n_bytes

        with self._lock:
            self._refuse_without_place(client)
            declared = declared_bytes(request) or 0
            self._refuse_without_room(min(declared, self.settings.most_upload_bytes))
            self._uploads[client] += 1
        try:
            yield arrived
        finally:
            with self._lock:
                self._uploads -= Counter([client])  # of a client without uploads nothing is left
                self._coming_bytes -= n_arrived

    def _refuse_without_place(self, client: str) -> None:
        settings = self.settings
        if self._uploads[client] >= settings.most_uploads:
            most = settings.most_uploads
            raise later(
                429,
                f"{most} uploads from this address are under way, expected no more",
                BUSY_WAIT_S,
            )
        n_uploads, n_waiting = self._uploads.total(), self.runner.n_waiting
        most = settings.most_waiting + settings.n_at_once
        if n_uploads + n_waiting >= most:
            raise later(
                503,
                f"{n_waiting} recordings wait and {n_uploads} uploads are under way, expected at "
                f"most {most} together",
                BUSY_WAIT_S,
            )

    def _refuse_without_room(self, n_bytes: int) -> None:
        most, kept_bytes = self.settings.most_stored_bytes, self.store.stored_bytes()
        if kept_bytes + self._coming_bytes + n_bytes > most:
            raise later(
                503,
                f"of {most} bytes for recordings, {kept_bytes} are kept until they expire, and "
                f"{self._coming_bytes} have come of uploads: no room for {n_bytes} more",
                BUSY_WAIT_S,
            )

    def remove(self, job: Job) -> None:
        """Break off what is under way, and leave nothing of the job."""
        self.runner.cancel(job)
        self.store.forget(job)

    def remaining_s(self, job: Job) -> float | None:
        """Estimate when a job will be done; None where its length is not known, or it has ended."""
        if job.has_ended or job.audio_s is None:
            return None
        now_s = self.clock()
        working, before = self.runner.before(job)
        running_s = None if job.started_s is None else now_s - job.started_s
        load = Load(
            [(each.audio_s or 0.0, now_s - (each.started_s or now_s)) for each in working],
            [each.audio_s or 0.0 for each in before],
        )
        return remaining_s(self.pace, job.audio_s, running_s, load, self.settings.n_at_once)

    async def check_triton(self) -> None:
        """Ask whether the model is ready; ProblemError 503 where it is not."""
        await self._checking.done("", self._check_triton)

    def _check_triton(self) -> None:
        settings = self.settings
        try:
            with Service(settings.url, settings.model_name, 1, {}, settings.access) as service:
                service.check()
        except ServiceError as error:
            log.warning("not ready: %s", error)
            raise ProblemError(503, "the diarization server is not ready") from error

    def _ended(self, job: Job) -> None:
        self.metrics.job(job)
        if job.state == "done":
            self.pace.learn(job.audio_s, job.work_s)


def _client(request: Request) -> str:
    return client_name(request.client.host if request.client else None)


def _gateway(request: Request) -> Gateway:
    found: Gateway = request.app.state.gateway
    return found


TheGateway = Annotated[Gateway, Depends(_gateway)]

"""What runs on the nodes of a cluster: an actor sends recordings to servers, or to its own."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from queue import Empty, SimpleQueue
from typing import Any

import fsspec
import ray
import ray.data

from console.run_report import log
from corpora.journal import Entry, packed
from corpora.manifest import Item
from formats.result import FormatError
from inputs.audio_files import AudioError, encoded_bytes, needs_channels
from inputs.recordings import Recording
from sending.access import Access
from sending.in_flight import Retries, diarize_all
from sending.outcome import Answer, Failure
from sending.service import Service
from voices.speakers import NEEDED_OUTPUTS, read_speakers
from voices.voice import VoicesError

ROOT = Path(__file__).resolve().parents[2]
SERVE = ROOT / "scripts" / "server" / "serve.py"
OUTPUTS = ("CONFIDENCE", *NEEDED_OUTPUTS)
STOP_WITHIN_S = 60.0
NODE_CHECK_S = 5.0
MOST_BLOCKS = 20_000  # Ray's own record of each takes memory of the driver


@dataclass(frozen=True)
class Work:
    """How recordings are diarized."""

    servers: str  # host:port, or several separated by commas; "": an own one for every actor
    parameters: Mapping[str, int | str | bool]  # of every request
    access: Access
    jobs: int  # recordings in flight, of each actor
    timeout_s: float
    retry_for_s: float


class WorkerError(RuntimeError):
    """No recording can be diarized; the message is one sentence."""


@contextlib.contextmanager
def own_server() -> Iterator[str]:
    """Start the embedded server for the cores and GPUs that this process may use.

    It ends with this process, however that ends.
    """
    if not SERVE.is_file():
        raise WorkerError(f"no {SERVE} on this node, expected the project at the same place")
    command = [sys.executable, str(SERVE), "--free-ports", "--stop-with-stdin"]
    with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
        command.append(f"--log={folder}/server.log")
        with open(f"{folder}/errors", "w+") as errors:  # noqa: PTH123
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
            assert process.stdout is not None  # a pipe
            try:
                line = process.stdout.readline()
                if not line.startswith("ready: gRPC "):
                    errors.seek(0)
                    reason = errors.readline().strip()
                    raise WorkerError(f"the server of a node does not start: {reason or line}")
                yield f"127.0.0.1:{line.split()[2].rstrip(',')}"
            finally:
                process.stdin.close()  # type: ignore[union-attr]
                process.wait(STOP_WITHIN_S)


class Diarizer:
    """An actor: `jobs` calls of it at once, each for one recording after another."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._until_the_end = contextlib.ExitStack()
        own = ray.get_runtime_context().get_assigned_resources()  # type: ignore[no-untyped-call]
        if not work.servers and not own.get("GPU"):
            os.environ.setdefault("DIARIZATION_THREADS", str(int(own["CPU"])))
        url = work.servers or self._until_the_end.enter_context(own_server())
        self._service = self._until_the_end.enter_context(
            Service(url, "run", work.timeout_s, work.parameters, work.access, OUTPUTS)
        )

    def __call__(self, row: dict[str, Any]) -> dict[str, str]:
        """Diarize the recording of a row; the entry of the journal as JSON, failures too."""
        item = Item(row["recording"], row["location"])
        unreadable: list[AudioError] = []

        def load(_: Recording) -> bytes:
            try:
                return self._load(item)
            except AudioError as error:
                unreadable.append(error)
                raise

        recordings = [Recording(item.recording_id, Path(item.location))]
        retries = Retries(self._work.retry_for_s)
        (outcome,) = diarize_all(self._service, recordings, load, 1, lambda: False, retries)
        return {"entry": json.dumps(entry_of(item, outcome, bool(unreadable)))}

    def _load(self, item: Item) -> bytes:
        keep_channels = needs_channels(self._work.parameters)
        if "://" not in item.location:
            return encoded_bytes(Path(item.location), keep_channels=keep_channels)
        with tempfile.NamedTemporaryFile(suffix=PurePosixPath(item.location).suffix) as copy:
            try:
                store, path = fsspec.core.url_to_fs(item.location)
                store.get_file(path, copy.name)
            except Exception as error:  # whatever a store raises
                raise AudioError(f"cannot read {item.location}: {error}") from error
            return encoded_bytes(Path(copy.name), keep_channels=keep_channels)

    def __del__(self) -> None:
        self._until_the_end.close()


def entry_of(item: Item, outcome: Answer | Failure, unreadable: bool) -> Entry:
    """Write what came of a recording."""
    entry: Entry = {"recording": item.recording_id, "location": item.location}
    if isinstance(outcome, Failure):
        return {**entry, "failure": kind_of(outcome, unreadable), "reason": outcome.reason}
    try:
        speakers = read_speakers(outcome)
    except (FormatError, VoicesError) as error:
        return {**entry, "failure": "answer", "reason": str(error)}
    return {
        **entry,
        "audio_s": outcome.audio_s,
        "rttm": outcome.rttm.decode(),
        "confidences": list(outcome.confidences or []),
        "speakers": speakers.names,
        "embeddings": packed(speakers.centroids),
        "network": speakers.network,
    }


def kind_of(failure: Failure, unreadable: bool) -> str:
    """Name the kind of a failure: unreadable, unavailable, refused, late or failed."""
    if unreadable:
        return "unreadable"
    if failure.transient:
        return "unavailable"
    if failure.refused:
        return "refused"
    return "late" if failure.reason.startswith("no answer within") else "failed"


def diarized(items: list[Item], work: Work, n_actors: int, cpus: float, gpus: int) -> Iterator[str]:
    """Diarize recordings on the cluster; yields entries of the journal as JSON, as they end.

    It ends early when a node is lost: what was sent to its actors would wait until one takes its
    place. The caller starts again with what is left, on the nodes that are left.
    """
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    rows = [{"recording": item.recording_id, "location": item.location} for item in items]
    n_blocks = max(1, min(len(rows), MOST_BLOCKS))
    dataset = ray.data.from_items(rows, override_num_blocks=n_blocks).map(
        Diarizer,  # type: ignore[arg-type]  # a class, which becomes actors
        fn_constructor_args=(work,),
        compute=ray.data.ActorPoolStrategy(
            size=n_actors,
            max_tasks_in_flight_per_actor=2 * work.jobs,
            max_concurrent_calls_per_actor=work.jobs,
            enable_true_multi_threading=True,
        ),
        num_cpus=cpus,
        num_gpus=gpus or None,
    )
    before = alive_nodes()
    for entry in _with_pauses(dataset):
        if entry:
            yield entry
        elif lost := len(before - alive_nodes()):
            log.warning("%d node(s) lost; going on with the others", lost)
            return


def _with_pauses(dataset: "ray.data.Dataset") -> Iterator[str]:
    """Yield what comes out of a dataset, and "" every NODE_CHECK_S, also while nothing comes."""
    ended: SimpleQueue[str | Exception | None] = SimpleQueue()

    def collect() -> None:
        try:
            for row in dataset.iter_rows():
                ended.put(row["entry"])
            ended.put(None)
        except Exception as error:
            ended.put(error)

    threading.Thread(target=collect, daemon=True).start()
    checked_s = time.monotonic()
    while True:
        if time.monotonic() - checked_s > NODE_CHECK_S:
            checked_s = time.monotonic()
            yield ""
        with contextlib.suppress(Empty):
            entry = ended.get(timeout=NODE_CHECK_S)
            if entry is None:
                return
            if isinstance(entry, Exception):
                raise entry
            yield entry


def alive_nodes() -> set[str]:
    """Ids of the nodes that are there."""
    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}  # type: ignore[no-untyped-call]

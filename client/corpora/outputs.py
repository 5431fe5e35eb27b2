"""The files made from a journal: RTTM, tables of turns and speakers, failures, manifests.

They are made anew after every run, one recording after another, in a hidden folder, and put in
place when complete.
"""

import contextlib
import gzip
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from corpora.journal import NAME, Entry, read, unpacked
from formats.result import Turn, talk_ms
from formats.rttm import rttm_text, turns_in_rttm

RECORDINGS_PER_SHARD = 1000
ROWS_PER_GROUP = 50_000
MS = 1000
TURNS = pa.schema(
    [
        ("recording", pa.string()),
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("speaker", pa.string()),
        ("confidence", pa.float32()),
        ("channel", pa.int16()),
    ]
)
SPEAKERS = pa.schema(
    [
        ("recording", pa.string()),
        ("speaker", pa.string()),
        ("own_name", pa.string()),
        ("talk_time", pa.float64()),
        ("network", pa.string()),
        ("embedding", pa.list_(pa.float32())),
    ]
)
FAILURES = pa.schema(
    [(name, pa.string()) for name in ("recording", "location", "failure", "reason")]
)
MANIFESTS = {"nemo": "nemo.jsonl", "lhotse": "supervisions.jsonl.gz"}

Names = Mapping[tuple[str, str], str]


def results(folder: Path) -> Iterator[Entry]:
    """Entries of the recordings that have a result, in the order of their ends."""
    return (entry for entry in read(folder / NAME) if "failure" not in entry)


def failures(folder: Path) -> dict[str, Entry]:
    """The last failure of every recording that has no result."""
    failed: dict[str, Entry] = {}
    for entry in read(folder / NAME):
        failed.pop(entry["recording"], None)
        if "failure" in entry:
            failed[entry["recording"]] = entry
    return failed


def write_outputs(folder: Path, names: Names, manifests: tuple[str, ...]) -> None:
    """Write all files of a corpus.

    Parameters
    ----------
    folder
        Of the journal.
    names
        Other names of speakers, by recording and own name.
    manifests
        Of MANIFESTS, to write as well.
    """
    fresh = folder / ".new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    with contextlib.ExitStack() as stack:
        turns = stack.enter_context(_Table(fresh / "turns.parquet", TURNS))
        speakers = stack.enter_context(_Table(fresh / "speakers.parquet", SPEAKERS))
        shards = _Shards(fresh / "rttm", stack)
        writers = [stack.enter_context(_manifest(fresh, each)) for each in manifests]
        for entry in results(folder):
            recording, found = entry["recording"], _named(entry, names)
            shards.write(rttm_text(recording, found))
            for turn in found:
                turns.add(_turn_row(recording, turn))
            for row in _speaker_rows(entry, names):
                speakers.add(row)
            for write in writers:
                write(entry, found)
        with _Table(fresh / "failures.parquet", FAILURES) as table:
            for entry in failures(folder).values():
                table.add({name: entry[name] for name in FAILURES.names})
    for path in fresh.iterdir():
        _put_in_place(path, folder / path.name)
    for kind in MANIFESTS.keys() - set(manifests):
        (folder / MANIFESTS[kind]).unlink(missing_ok=True)  # of an earlier run
    fresh.rmdir()


def _named(entry: Entry, names: Names) -> list[Turn]:
    recording = entry["recording"]
    turns = turns_in_rttm(entry["rttm"], entry["confidences"] or None)
    return [
        Turn(
            turn.start_ms,
            turn.end_ms,
            names.get((recording, turn.speaker), turn.speaker),
            turn.confidence,
            turn.channel,
        )
        for turn in turns
    ]


def _turn_row(recording: str, turn: Turn) -> dict[str, Any]:
    return {
        "recording": recording,
        "start": turn.start_ms / MS,
        "end": turn.end_ms / MS,
        "speaker": turn.speaker,
        "confidence": turn.confidence,
        "channel": turn.channel,
    }


def _speaker_rows(entry: Entry, names: Names) -> Iterator[dict[str, Any]]:
    recording, talk = entry["recording"], talk_ms(turns_in_rttm(entry["rttm"]))
    for own, embedding in zip(entry["speakers"], unpacked(entry["embeddings"]), strict=True):
        yield {
            "recording": recording,
            "speaker": names.get((recording, own), own),
            "own_name": own,
            "talk_time": talk[own] / MS,
            "network": entry["network"],
            "embedding": embedding.tolist(),
        }


class _Table:
    """A Parquet file that is written in groups of rows."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema)
        self._schema = schema
        self._rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) == ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows.clear()

    def __enter__(self) -> "_Table":
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()


class _Shards:
    """RTTM files of RECORDINGS_PER_SHARD recordings each."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        folder.mkdir()
        self._folder, self._stack = folder, stack
        self._n = 0
        self._file: IO[str] | None = None

    def write(self, text: str) -> None:
        if self._n % RECORDINGS_PER_SHARD == 0:
            if self._file:
                self._file.close()
            name = f"{self._n // RECORDINGS_PER_SHARD:05d}.rttm"
            self._file = self._stack.enter_context((self._folder / name).open("w"))
        assert self._file is not None  # the first is opened at once
        self._n += 1
        self._file.write(text)


@contextlib.contextmanager
def _manifest(folder: Path, kind: str) -> Iterator[Callable[[Entry, list[Turn]], None]]:
    """A function that writes the segments of a recording."""
    path = folder / MANIFESTS[kind]
    lines_of = {"nemo": _nemo, "lhotse": _lhotse}[kind]
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as file:

        def write(entry: Entry, turns: list[Turn]) -> None:
            for line in lines_of(entry, turns):
                file.write(json.dumps(line, ensure_ascii=False) + "\n")

        yield write


def _nemo(entry: Entry, turns: list[Turn]) -> Iterator[dict[str, Any]]:
    """Segments as NeMo's manifests have them; source: its documentation of speaker tasks."""
    for turn in turns:
        yield {
            "audio_filepath": entry["location"],
            "offset": turn.start_ms / MS,
            "duration": (turn.end_ms - turn.start_ms) / MS,
            "label": turn.speaker,
            "text": "-",
        }


def _lhotse(entry: Entry, turns: list[Turn]) -> Iterator[dict[str, Any]]:
    """Segments as Lhotse's SupervisionSegment; channels count from 0 there."""
    for number, turn in enumerate(turns):
        yield {
            "id": f"{entry['recording']}-{number:05d}",
            "recording_id": entry["recording"],
            "start": turn.start_ms / MS,
            "duration": (turn.end_ms - turn.start_ms) / MS,
            "channel": turn.channel - 1,
            "speaker": turn.speaker,
        }


def _put_in_place(path: Path, target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    path.replace(target)

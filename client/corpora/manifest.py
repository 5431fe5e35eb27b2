"""What a corpus holds, in any of the usual lists, on this machine or in a store that fsspec knows.

A manifest is accepted as a whole or refused as a whole, with its problems: a mistake in it is cheap
to correct before hours of work.
"""

import csv
import glob
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import fsspec
from fsspec.utils import get_protocol

from console.text import NOT_IN_IDS
from inputs.recordings import AUDIO_ENDINGS, ListError, id_problem

MOST_PROBLEMS = 20
ID_COLUMNS = ("recording", "recording_id", "id")
PATH_COLUMNS = ("audio_filepath", "path", "audio", "wav", "location")
LENGTH_COLUMNS = ("duration", "length_s")
EXPECTED = (
    "expected a folder, a pattern, or a file that ends as .scp, .jsonl, .json, .csv, .tsv or "
    ".parquet, the text ones also with .gz"
)

Row = Mapping[str, Any]


class Item(NamedTuple):
    """A recording of a corpus: where it is, absolute or a URL, and its length where it is known."""

    recording_id: str
    location: str
    length_s: float | None = None


def read_manifest(name: str, data_dir: str = "") -> list[Item]:
    """Read a manifest; relative paths in it start at `data_dir`, or the current directory.

    Raises
    ------
    ListError
        If it cannot be read, is empty, has wrong lines, or names a recording twice.
    """
    try:
        items, problems = _read(name, data_dir)
    except ImportError as error:  # fsspec names the package that a scheme needs
        raise ListError([f"{name}: {error}"]) from error
    except (OSError, ValueError) as error:
        if isinstance(error, ListError):
            raise
        raise ListError([f"cannot read {name}: {error}"]) from error
    problems += _repeated(items) + _unknown_schemes(items)
    if not items and not problems:
        problems = ["no recording in it"]
    if problems:
        more = len(problems) - MOST_PROBLEMS
        rest = [f"and {more} more problems"] if more > 0 else []
        raise ListError([f"{name}: {each}" for each in problems[:MOST_PROBLEMS] + rest])
    return items


def _read(name: str, data_dir: str) -> tuple[list[Item], list[str]]:
    store, path = fsspec.core.url_to_fs(name)
    if store.isdir(path):
        return _files(store, path, f"{path.rstrip('/')}/**"), []
    if glob.has_magic(path) and not store.isfile(path):
        return _files(store, _fixed_part(path), path), []
    if name.endswith(".parquet"):
        rows: Iterator[tuple[int, Any]] = enumerate(_parquet_rows(store, path), 1)
    else:
        with fsspec.open(name, "rt", encoding="utf-8-sig", compression="infer") as file:
            rows = _parser_of(name)(file.read())
    items, problems = [], []
    for number, row in rows:
        item = _item(row, data_dir)
        if isinstance(item, Item):
            items.append(item)
        else:
            problems.append(f"line {number}: {item}")
    return items, problems


def _parser_of(name: str) -> Callable[[str], Iterator[tuple[int, Any]]]:
    ending = PurePosixPath(name.removesuffix(".gz")).suffix
    parsers = {
        ".scp": _scp_rows,
        ".jsonl": _json_rows,
        ".json": _json_rows,
        ".csv": lambda text: _table_rows(text, ","),
        ".tsv": lambda text: _table_rows(text, "\t"),
    }
    if ending not in parsers:
        raise ListError([f"{name}: {EXPECTED}"])
    return parsers[ending]


def _scp_rows(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            recording_id, *path = line.split(maxsplit=1)
            yield number, {"id": recording_id, "path": path[0].strip() if path else None}


def _json_rows(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError:
                yield number, None


def _table_rows(text: str, separator: str) -> Iterator[tuple[int, Any]]:
    yield from enumerate(csv.DictReader(io.StringIO(text), delimiter=separator), 2)


def _parquet_rows(store: Any, path: str) -> Iterator[Row]:  # noqa: ANN401 - fsspec has no types
    import pyarrow.parquet

    with store.open(path, "rb") as file:
        for batch in pyarrow.parquet.ParquetFile(file).iter_batches():
            yield from batch.to_pylist()


def _item(row: object, data_dir: str) -> Item | str:
    """Make an item of a row, or say what is wrong with it."""
    if not isinstance(row, dict):
        return 'expected an object of JSON, such as {"audio_filepath": "a.wav"}'
    try:
        location = _source(row) if "sources" in row else _first(row, PATH_COLUMNS)
        length_s = _length_s(row)
    except ValueError as error:
        return str(error)
    if not isinstance(location, str) or not location:
        return f"got no path, expected one of the fields {', '.join(PATH_COLUMNS)}"
    if location.endswith("|"):
        return f"got the Kaldi pipe {location!r}, expected a path: no command is run"
    recording_id = _first(row, ID_COLUMNS)
    if recording_id is None:
        recording_id = NOT_IN_IDS.sub("_", PurePosixPath(location).stem)
    if problem := id_problem(str(recording_id)):
        return problem
    return Item(str(recording_id), _absolute(location, data_dir), length_s)


def _source(row: Row) -> object:
    """Path of a recording of Lhotse, which has one source for all channels."""
    sources = row["sources"]
    if not isinstance(sources, list) or len(sources) != 1 or not isinstance(sources[0], dict):
        raise ValueError("sources: expected one file or URL with all channels")
    if sources[0].get("type") not in ("file", "url"):
        raise ValueError(f"sources: got type {sources[0].get('type')!r}, expected file or url")
    return sources[0].get("source")


def _first(row: Row, names: tuple[str, ...]) -> object:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _length_s(row: Row) -> float | None:
    given = _first(row, LENGTH_COLUMNS)
    try:
        return None if given is None else float(str(given))
    except ValueError:
        raise ValueError(f"duration: got {given!r}, expected seconds") from None


def _absolute(location: str, data_dir: str) -> str:
    if "://" in location:
        return location
    if "://" in data_dir:
        return f"{data_dir.rstrip('/')}/{location}"
    return str(Path(data_dir, location).absolute())


def _files(store: Any, root: str, pattern: str) -> list[Item]:  # noqa: ANN401
    """Audio files of a folder and of those in it, or of a pattern; ids are their places in it."""
    paths = [path for path in sorted(store.glob(pattern)) if _is_audio(path)]
    return [
        Item(
            NOT_IN_IDS.sub("_", path.removeprefix(root).lstrip("/").rpartition(".")[0]),
            path if get_protocol(store.unstrip_protocol(path)) == "file" else
            store.unstrip_protocol(path),
        )
        for path in paths
    ]  # fmt: skip


def _fixed_part(pattern: str) -> str:
    """Return the folder of a pattern up to its first wildcard."""
    parts = pattern.split("/")
    fixed = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    return "/".join(parts[:fixed])


def _is_audio(path: str) -> bool:
    name = PurePosixPath(path)
    return name.suffix.lower() in AUDIO_ENDINGS and not name.name.startswith(".")


def _repeated(items: list[Item]) -> list[str]:
    first: dict[str, Item] = {}
    return [
        f"recording id {item.recording_id!r} is that of {before.location} and of {item.location}, "
        "expected one each"
        for item in items
        if (before := first.setdefault(item.recording_id, item)) is not item
    ]


def _unknown_schemes(items: list[Item]) -> list[str]:
    found = {scheme: _problem_of(scheme) for scheme in {get_protocol(each[1]) for each in items}}
    return [f"{scheme}://: {problem}" for scheme, problem in found.items() if problem]


def _problem_of(scheme: str) -> str:
    """Why there is no access to stores of a scheme; "" if there is."""
    try:
        fsspec.get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:  # it names the package that is missing
        return str(error)
    return ""

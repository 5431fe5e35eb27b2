"""A report's parts: Markdown tables, the origin of its figures, and files."""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from formats.atomic_file import OutputError, write_atomically
from measure.kit import ROOT

DOCS = ROOT / "docs"
MEGA = 1e6
ABSENT = "–"
DECIMALS = 4
Row = Sequence[str]
_SHORTEST_RULE = 3  # dashes, in Markdown


def markdown_table(header: Row, rows: Iterable[Row]) -> str:
    """Align the columns: the first to the left, all others to the right."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(_SHORTEST_RULE, *map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "".join(_table_line(cells, widths) for cells in (lines[0], rule, *lines[1:]))


def _table_line(cells: Row, widths: Sequence[int]) -> str:
    padded = [cells[0].ljust(widths[0])]
    padded += [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return f"| {' | '.join(padded)} |\n"


def origin_text(report: Mapping[str, Any]) -> str:
    """List where the figures come from: `provenance`, and the report's options."""
    git, machine = report["git"], report["machine"]
    state = f", {git['changed_files']} file(s) not committed" if git["changed_files"] else ""
    options = ", ".join(f"{name}={value}" for name, value in report["options"].items() if value)
    return (
        f"- {report['date']}, commit {git['commit'] or 'unknown'}{state}\n"
        f"- {machine['cpu'] or 'unknown processor'}, {machine['n_cores']} cores, "
        f"nets in {machine['precision']}, load {machine['load_before']} before\n- {options}\n"
    )


def rounded(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Round every float in a value, at any depth, to four decimals."""
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return value


def megabytes(n_bytes: int | None) -> str:
    """Write megabytes (10^6 bytes)."""
    return ABSENT if n_bytes is None else f"{n_bytes / MEGA:.0f}"


def publish(
    name: str,
    options: argparse.Namespace,
    page: Callable[[str], str],
    draw: Callable[[Path], None] = lambda _: None,
) -> None:
    """Print a page and write it to --output; with --docs, write the page of the project too.

    Parameters
    ----------
    name
        Of the Markdown file, and in docs of the folder with its pictures.
    options
        `output` and `docs` of the command line.
    page
        Makes the text; it is given what precedes the file names of the pictures.
    draw
        Writes the pictures into a folder; nothing by default.

    Raises
    ------
    OutputError
        If something cannot be written.
    """
    print(page(""))
    for folder, pictures in ((options.output, ""), *([(DOCS, f"{name}/")] if options.docs else [])):
        with output_errors(folder):
            (folder / pictures).mkdir(parents=True, exist_ok=True)
            write_atomically(folder / f"{name}.md", page(pictures))
            draw(folder / pictures)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file that is complete whenever it is read; OutputError if that fails."""
    write_atomically(path, json.dumps(document, indent=1, ensure_ascii=False))


def put_into(page: Path, text: str, part: str = "measured") -> None:
    """Replace what is between the marks of a part; ValueError where they are missing."""
    begin, end = marks(part)
    before, found_begin, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"{page} has no lines {begin.strip()!r} and {end.strip()!r}")
    page.write_text(f"{before}{begin}{text}{end}{after}", encoding="utf-8")


def marks(part: str) -> tuple[str, str]:
    """The lines before and after a part of a page that a program writes."""
    return f"<!-- {part}: begin -->\n", f"<!-- {part}: end -->\n"


@contextmanager
def output_errors(place: Path) -> Iterator[None]:
    """Turn the system's errors, as those of a picture's file, into an OutputError."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write to {place}: {error.strerror or error}") from error

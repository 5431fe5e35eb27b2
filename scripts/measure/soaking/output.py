"""The files of a soak: JSON, page and picture, and the project's own page."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from formats.atomic_file import write_atomically
from measure.kit.report import output_errors
from measure.soaking.report import PICTURE, markdown_page
from measure.soaking.results import Soak

PAGE = "reliability"


def told_options(options: argparse.Namespace) -> dict[str, Any]:
    """The command line, ready for JSON, without what has no influence on the findings."""
    told = {name: value for name, value in vars(options).items() if name not in ("output", "docs")}
    told["audio"] = options.audio.name
    return told


def write_folder(folder: Path, soak: Soak, report: Mapping[str, Any]) -> str:
    """Write soak.json, reliability.md and the picture; returns the page.

    Raises
    ------
    OutputError
        If something cannot be written.
    """
    page = markdown_page(soak, report, "")
    with output_errors(folder):
        write_atomically(folder / "soak.json", json.dumps(report, indent=1, ensure_ascii=False))
        write_atomically(folder / f"{PAGE}.md", page)
        _draw(folder / PICTURE, soak)
    return page


def write_docs(docs: Path, soak: Soak, report: Mapping[str, Any]) -> None:
    """Write docs/reliability.md, and its picture in docs/reliability/.

    Raises
    ------
    OutputError
        If something cannot be written.
    """
    with output_errors(docs):
        (docs / PAGE).mkdir(parents=True, exist_ok=True)
        write_atomically(docs / f"{PAGE}.md", markdown_page(soak, report, f"{PAGE}/"))
        _draw(docs / PAGE / PICTURE, soak)


def _draw(path: Path, soak: Soak) -> None:
    """Draw the memory under load; the picture of an earlier run goes where there was no load."""
    if soak.load is None:
        path.unlink(missing_ok=True)
        return
    from measure.soaking.plots import draw_memory  # only this needs matplotlib

    draw_memory(soak.load.memory, path)

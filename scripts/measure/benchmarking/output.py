"""The files of a benchmark: JSON, page and pictures, and the project's own page."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from formats.atomic_file import write_atomically
from measure.benchmarking.results import Benchmark
from measure.kit.report import output_errors

NAME = "benchmark"


def write_folder(folder: Path, benchmark: Benchmark, report: Mapping[str, Any]) -> str:
    """Write benchmark.json, benchmark.md and pictures; returns the page.

    Raises
    ------
    OutputError
        If something cannot be written.
    """
    from measure.benchmarking.plots import draw_all  # only this needs matplotlib
    from measure.benchmarking.report import markdown_page

    page = markdown_page(benchmark, report, "")
    with output_errors(folder):
        write_atomically(folder / f"{NAME}.json", json.dumps(report, indent=1, ensure_ascii=False))
        write_atomically(folder / f"{NAME}.md", page)
        draw_all(benchmark, folder)
    return page


def write_docs(docs: Path, benchmark: Benchmark, report: Mapping[str, Any]) -> None:
    """Write docs/benchmark.md, and its pictures in docs/benchmark/.

    Raises
    ------
    OutputError
        If something cannot be written.
    """
    from measure.benchmarking.plots import draw_all
    from measure.benchmarking.report import markdown_page

    pictures = docs / NAME
    with output_errors(docs):
        pictures.mkdir(parents=True, exist_ok=True)
        write_atomically(docs / f"{NAME}.md", markdown_page(benchmark, report, f"{NAME}/"))
        draw_all(benchmark, pictures)

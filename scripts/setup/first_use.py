"""Checksums that nobody has pinned: recorded beside a download on first use, checked from then on.

The record of `file` is `file.sha256`, a line as sha256sum writes it.
"""

from __future__ import annotations

from pathlib import Path

from setup.fetching import atomic_file, report


def record_of(download: Path) -> Path:
    """Return where the checksum of a download is recorded."""
    return download.with_name(download.name + ".sha256")


def read_record(record: Path) -> tuple[str, ...]:
    """Return the recorded sha256 (a line as sha256sum writes it), or nothing if there is none."""
    try:
        return tuple(record.read_text(encoding="utf-8").split()[:1])
    except FileNotFoundError:
        return ()


def write_record(record: Path, sha256: str) -> None:
    """Record a checksum, atomically."""
    with atomic_file(record) as part:
        part.write_text(f"{sha256}  {record.stem}\n", encoding="utf-8")
    report(record, "recorded on first use")

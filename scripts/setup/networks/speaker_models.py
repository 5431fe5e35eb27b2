"""A speaker model that is fetched from a URL and has no pinned checksum.

Its checksum is recorded on first use beside the download, and checked from then on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from setup.fetching import Artifact, FetchError, fetch_url, report, sha256_of
from setup.first_use import read_record, record_of, write_record
from setup.networks.installing import install_onnx
from setup.networks.served import SPEAKER
from setup.networks.stamp import Stamp, read_stamp


def install_unpinned(artifact: Artifact, url: str, download: Path, onnx_path: Path) -> Stamp:
    """Install an ONNX file whose checksum is recorded on first use, beside the download.

    It is recorded once the file has passed the interface check; a file that a person put into the
    download folder is taken as the first use.
    """
    stamp = read_stamp(onnx_path)
    if stamp and stamp.name == download.stem and not download.exists():
        report(onnx_path, "in place")
        return stamp
    record = record_of(download)
    recorded = read_record(record)
    if download.is_file():
        refuse_changed(download, record, recorded)
    else:
        fetch_checked(replace(artifact, sha256=recorded), url, download)
    stamp = install_onnx(download, artifact.source, SPEAKER, onnx_path)
    if not recorded:
        write_record(record, stamp.onnx_sha256)
    return stamp


def refuse_changed(download: Path, record: Path, recorded: tuple[str, ...]) -> None:
    """Raise `FetchError` if a kept file is not the one that was recorded."""
    got = sha256_of(download)
    if recorded and got not in recorded:
        raise FetchError(
            f"{download} has sha256 {got}, expected {recorded[0]} as recorded in {record.name} on "
            "first use; delete the file to fetch it again, both to accept another one"
        )


def fetch_checked(artifact: Artifact, url: str, download: Path) -> None:
    """Download a speaker model; it is kept only if it has the interface."""
    from setup.networks.onnx_interface import check_onnx

    fetch_url(url, download, artifact, lambda part: check_onnx(part, SPEAKER, url))
    report(download, f"fetched, {download.stat().st_size} bytes, from {url}")

"""Install a speaker model as `model.onnx`, with its stamp; what is in place is left alone.

torch and ONNX Runtime are imported only where something has to be done.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from fetch import ensure
from fetching import Artifact, FetchError, atomic_file, fetch_url, report, sha256_of
from networks.stamp import Stamp, exporter_fingerprint, read_stamp, write_stamp


def install_campplus(artifact: Artifact, weights: Path, onnx_path: Path) -> Stamp:
    """Export CAM++ from its pinned weights, fetching them if need be."""
    stamp = read_stamp(onnx_path)
    exporter = exporter_fingerprint()
    if stamp and stamp.exporter_sha256 == exporter and stamp.source_sha256 in artifact.sha256:
        report(onnx_path, "in place")
        return stamp
    ensure(artifact, weights)
    print(f"exporting {weights.name} to ONNX and comparing it with torch")
    from networks.onnx_export import export_campplus

    def export(part: Path) -> None:
        origin = {"source": artifact.source, "licence": artifact.licence}
        export_campplus(weights, part, origin)

    source = Source(artifact.source, sha256_of(weights), exporter, weights.stem)
    return install(onnx_path, export, source, weights.name)


def install_onnx(source_file: Path, source: str, onnx_path: Path) -> Stamp:
    """Install an ONNX file as it is, after checking WeSpeaker's interface.

    Parameters
    ----------
    source_file
        The ONNX file; named after the model.
    source
        Where it came from, for people.
    onnx_path
        Where it is installed.
    """
    if not source_file.is_file():
        raise FetchError(f"no file {source_file}, expected an ONNX speaker model")
    stamp = read_stamp(onnx_path)
    digest = sha256_of(source_file)
    if stamp and stamp.onnx_sha256 == digest:
        report(onnx_path, "in place")
        return stamp

    def copy(part: Path) -> None:
        shutil.copyfile(source_file, part)

    return install(onnx_path, copy, Source(source, digest, "", source_file.stem), str(source_file))


@dataclass(frozen=True)
class Source:
    """What an installed model was made from."""

    origin: str  # for people
    sha256: str
    exporter_sha256: str  # empty if the file is served as it was fetched
    name: str  # of the model, unless the file tells its own


def install(onnx_path: Path, write: Callable[[Path], None], source: Source, shown_as: str) -> Stamp:
    """Let `write` make the model, check its interface, put it in place and write its stamp."""
    from networks.onnx_interface import check_speaker_onnx

    with atomic_file(onnx_path) as part:
        write(part)
        model = check_speaker_onnx(part, shown_as)
        digest = sha256_of(part)
    stamp = Stamp(
        name=model.metadata.get("model_name", source.name),
        embedding_size=model.embedding_size,
        source=source.origin,
        source_sha256=source.sha256,
        exporter_sha256=source.exporter_sha256,
        onnx_sha256=digest,
    )
    write_stamp(onnx_path, stamp)
    report(onnx_path, "installed")
    return stamp


def install_unpinned(artifact: Artifact, url: str, download: Path, onnx_path: Path) -> Stamp:
    """Install an ONNX file whose checksum is recorded on first use, beside the download.

    It is recorded once the file has passed the interface check; a file that a person put into the
    download folder is taken as the first use.
    """
    stamp = read_stamp(onnx_path)
    if stamp and stamp.name == download.stem and not download.exists():
        report(onnx_path, "in place")
        return stamp
    record = download.with_name(download.name + ".sha256")
    recorded = read_record(record)
    if download.is_file():
        refuse_changed(download, record, recorded)
    else:
        fetch_checked(replace(artifact, sha256=recorded), url, download)
    stamp = install_onnx(download, artifact.source, onnx_path)
    if not recorded:
        with atomic_file(record) as part:
            part.write_text(f"{stamp.onnx_sha256}  {download.name}\n", encoding="utf-8")
        report(record, "recorded on first use")
    return stamp


def read_record(record: Path) -> tuple[str, ...]:
    """Return the recorded sha256 (a line as sha256sum writes it), or nothing if there is none."""
    try:
        return tuple(record.read_text(encoding="utf-8").split()[:1])
    except FileNotFoundError:
        return ()


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
    from networks.onnx_interface import check_speaker_onnx

    fetch_url(url, download, artifact, lambda part: check_speaker_onnx(part, url))
    report(download, f"fetched, {download.stat().st_size} bytes, from {url}")

"""Install a network as `model.onnx` with a stamp beside it; what is up to date is left alone.

The stamp, `model.onnx.json`, records what the model is and the sha256 of the files concerned. It is
written last: a run killed in between leaves a stamp that does not match, and the next one installs
again. torch and ONNX Runtime are imported only if something has to be installed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from setup.downloading import fetch_url
from setup.fetch import ensure
from setup.fetching import (
    Artifact,
    SetupError,
    atomic_file,
    check_recorded,
    read_record,
    record_first_use,
    record_path,
    report,
    sha256_of,
)
from setup.networks.interfaces import SPEAKER, ExportedNetwork, Interface

# The code that decides the content of an export, beside the network's own module.
EXPORTER_SOURCES = ("onnx_model.py", "interfaces.py")


@dataclass(frozen=True)
class Stamp:
    """What is installed: its origin, and the sha256 of each file concerned."""

    name: str
    output_dims: list[int]  # of one row of a batch
    source: str
    source_sha256: str
    exporter_sha256: str  # empty if the file is served as it was fetched
    onnx_sha256: str


def exporter_fingerprint(module: str) -> str:
    """Return the sha256 of the code that exports the network of a module, without importing it."""
    sources = (Path(__file__).with_name(name) for name in (f"{module}.py", *EXPORTER_SOURCES))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def stamp_path(onnx_path: Path) -> Path:
    """Return the path of the stamp of an installed model."""
    return onnx_path.with_name(onnx_path.name + ".json")


def write_stamp(onnx_path: Path, stamp: Stamp) -> None:
    """Write the stamp of an installed model."""
    with atomic_file(stamp_path(onnx_path)) as part:
        part.write_text(json.dumps(asdict(stamp), indent=2) + "\n", encoding="utf-8")


def read_stamp(onnx_path: Path) -> Stamp | None:
    """Return the stamp if it is valid and matches the model, else None."""
    try:
        stamp = Stamp(**json.loads(stamp_path(onnx_path).read_text(encoding="utf-8")))
        matches = sha256_of(onnx_path) == stamp.onnx_sha256
    except (OSError, ValueError, TypeError):  # missing, damaged, or of another version
        return None
    return stamp if matches else None


def install_exported(
    network: ExportedNetwork, name: str, artifact: Artifact, onnx_path: Path
) -> Stamp:
    """Export a network from its pinned weights, which are fetched if missing.

    Parameters
    ----------
    network
        The network to export.
    name
        Name of the installed model.
    artifact
        The pinned weights.
    onnx_path
        Where the model is installed.
    """
    stamp = read_stamp(onnx_path)
    exporter = exporter_fingerprint(network.module)
    if stamp and stamp.exporter_sha256 == exporter and stamp.source_sha256 in artifact.sha256:
        report(onnx_path, "in place")
        return stamp
    weights = ensure(artifact)
    print(f"exporting {weights.name} to ONNX and comparing it with torch", flush=True)
    from setup.networks.onnx_model import export

    def write(part: Path) -> None:
        origin = {"source": artifact.source, "licence": artifact.licence}
        export(network, weights, part, {"model_name": name, **origin})

    draft = Stamp(name, [], artifact.source, sha256_of(weights), exporter, "")
    return install(onnx_path, write, network.interface, draft, weights.name)


def install_quantized(onnx_path: Path, stamp: Stamp, speech: Path) -> None:
    """Install the 8-bit copy of an exported speaker network as `model.int8.onnx` beside it.

    Parameters
    ----------
    onnx_path, stamp
        The installed network, and its stamp.
    speech
        A recording whose windows give the ranges, see `quantizing`.
    """
    quantized = onnx_path.with_suffix(".int8.onnx")
    code = exporter_fingerprint("quantizing")
    made = read_stamp(quantized)
    if made and (made.source_sha256, made.exporter_sha256) == (stamp.onnx_sha256, code):
        report(quantized, "in place")
        return
    print(f"quantizing {stamp.name} to 8 bit by the sample recording", flush=True)
    from setup.networks.quantizing import write_quantized

    def write(part: Path) -> None:
        write_quantized(onnx_path, speech, part)

    draft = Stamp(stamp.name, [], onnx_path.name, stamp.onnx_sha256, code, "")
    install(quantized, write, SPEAKER, draft, quantized.name)


def install_onnx(source_file: Path, origin: str, onnx_path: Path) -> Stamp:
    """Install the ONNX file of a speaker model as it is, after checking its interface.

    Parameters
    ----------
    source_file
        The ONNX file; its name is that of the model, unless its metadata have another.
    origin
        Where it came from, for the stamp.
    onnx_path
        Where it is installed.
    """
    if not source_file.is_file():
        raise SetupError(f"file not found: {source_file}, expected an ONNX {SPEAKER.network}")
    stamp = read_stamp(onnx_path)
    digest = sha256_of(source_file)
    if stamp and stamp.onnx_sha256 == digest:
        report(onnx_path, "in place")
        return stamp

    def write(part: Path) -> None:
        shutil.copyfile(source_file, part)

    draft = Stamp(source_file.stem, [], origin, digest, "", "")
    return install(onnx_path, write, SPEAKER, draft, str(source_file))


def install_unpinned(artifact: Artifact, url: str, onnx_path: Path) -> Stamp:
    """Install a speaker model without a pinned checksum.

    Its checksum is recorded beside the download once the file has passed the interface check, and
    verified from then on. A file that is already in the download folder counts as the first use.
    """
    download = artifact.path
    stamp = read_stamp(onnx_path)
    if stamp and stamp.name == download.stem and not download.exists():
        report(onnx_path, "in place")
        return stamp
    record = record_path(download)
    if not download.is_file():
        from setup.networks.onnx_model import check_onnx

        expected = replace(artifact, sha256=read_record(record))
        fetch_url(expected, url, lambda part: check_onnx(part, SPEAKER, url))
        report(download, f"fetched, {download.stat().st_size} bytes, from {url}")
    check_recorded(download, record)
    stamp = install_onnx(download, artifact.source, onnx_path)
    record_first_use(download, record)
    return stamp


def install(
    onnx_path: Path,
    write: Callable[[Path], None],
    interface: Interface,
    draft: Stamp,
    shown_as: str,
) -> Stamp:
    """Write a model, check its interface, move it to its place and complete its stamp.

    Parameters
    ----------
    onnx_path, write
        Where the model is installed, and the function that writes it to a temporary path.
    interface
        The expected inputs and outputs.
    draft
        The stamp without what is known only when the model is written.
    shown_as
        Name of the file in error messages.
    """
    from setup.networks.onnx_model import check_onnx

    with atomic_file(onnx_path) as part:
        write(part)
        model = check_onnx(part, interface, shown_as)
        digest = sha256_of(part)
    stamp = replace(
        draft,
        name=model.metadata.get("model_name", draft.name),
        output_dims=model.output_dims,
        onnx_sha256=digest,
    )
    write_stamp(onnx_path, stamp)
    report(onnx_path, "installed")
    return stamp

"""Install a network as `model.onnx`, with its stamp; what is in place is left alone.

torch and ONNX Runtime are imported only where something has to be done.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from setup.fetch import ensure
from setup.fetching import Artifact, FetchError, atomic_file, report, sha256_of
from setup.networks.served import ExportedNetwork, Interface
from setup.networks.stamp import Stamp, exporter_fingerprint, read_stamp, write_stamp


@dataclass(frozen=True)
class Source:
    """What an installed model was made from."""

    origin: str  # for people
    sha256: str
    exporter_sha256: str  # empty if the file is served as it was fetched
    name: str  # of the model, unless the file tells its own
    shown_as: str  # what error messages call it


def install_exported(
    network: ExportedNetwork, name: str, artifact: Artifact, weights: Path, onnx_path: Path
) -> Stamp:
    """Export a network from its pinned weights, fetching them if need be.

    Parameters
    ----------
    network
        Which of ours it is.
    name
        What the installed model calls itself.
    artifact
        The weights: what they must be and where they come from.
    weights
        Where they are kept.
    onnx_path
        Where the model is installed.
    """
    stamp = read_stamp(onnx_path)
    exporter = exporter_fingerprint(network.module)
    if stamp and stamp.exporter_sha256 == exporter and stamp.source_sha256 in artifact.sha256:
        report(onnx_path, "in place")
        return stamp
    ensure(artifact, weights)
    print(f"exporting {weights.name} to ONNX and comparing it with torch", flush=True)
    from setup.networks.onnx_export import export

    def write(part: Path) -> None:
        origin = {"source": artifact.source, "licence": artifact.licence}
        export(network, weights, part, {"model_name": name, **origin})

    source = Source(artifact.source, sha256_of(weights), exporter, name, weights.name)
    return install(onnx_path, write, network.interface, source)


def install_onnx(source_file: Path, origin: str, interface: Interface, onnx_path: Path) -> Stamp:
    """Install an ONNX file as it is, after checking its interface.

    Parameters
    ----------
    source_file
        The ONNX file; named after the model.
    origin
        Where it came from, for people.
    interface
        What it must take and give.
    onnx_path
        Where it is installed.
    """
    if not source_file.is_file():
        raise FetchError(f"no file {source_file}, expected an ONNX {interface.network}")
    stamp = read_stamp(onnx_path)
    digest = sha256_of(source_file)
    if stamp and stamp.onnx_sha256 == digest:
        report(onnx_path, "in place")
        return stamp

    def write(part: Path) -> None:
        shutil.copyfile(source_file, part)

    source = Source(origin, digest, "", source_file.stem, str(source_file))
    return install(onnx_path, write, interface, source)


def install(
    onnx_path: Path, write: Callable[[Path], None], interface: Interface, source: Source
) -> Stamp:
    """Let `write` make the model, check its interface, put it in place and write its stamp."""
    from setup.networks.onnx_interface import check_onnx

    with atomic_file(onnx_path) as part:
        write(part)
        model = check_onnx(part, interface, source.shown_as)
        digest = sha256_of(part)
    stamp = Stamp(
        name=model.metadata.get("model_name", source.name),
        output_dims=model.output_dims,
        source=source.origin,
        source_sha256=source.sha256,
        exporter_sha256=source.exporter_sha256,
        onnx_sha256=digest,
    )
    write_stamp(onnx_path, stamp)
    report(onnx_path, "installed")
    return stamp

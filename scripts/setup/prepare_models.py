"""Put the models that Triton serves into the model repository.

Fetches the speech activity detector (silero), the segmentation model and a speaker-embedding model,
checks them, and installs them as sad/1/silero_vad.jit, segmentation/1/model.onnx and
speaker_model/1/model.onnx. What is up to date is left alone. Downloads are kept in data/models, or
in the folders named by the environment variables SAD_DIR, SEG_MODEL_DIR and SPK_MODEL_DIR; a
matching file there is reused.

Exit status: 0 all models are installed, 1 something failed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from setup.fetch import describe, ensure
from setup.fetching import (
    PROJECT,
    Artifact,
    artifacts_named,
    atomic_file,
    exit_code,
    has_sha256,
    load_artifacts,
    report,
)
from setup.networks.installing import (
    Stamp,
    install_exported,
    install_onnx,
    install_quantized,
    install_unpinned,
    read_stamp,
)
from setup.networks.interfaces import CAMPPLUS, POWERSET

SAD_MODEL = "silero"
SEGMENTATION_MODEL = "segmentation-3.0"
SAMPLE = "sample"
SPEAKER_MODELS = ("campplus", "resnet34_LM")
MODELS = (SAD_MODEL, SEGMENTATION_MODEL, *SPEAKER_MODELS)
SAD_PLACE = Path("sad", "1", "silero_vad.jit")
SEGMENTATION_PLACE = Path("segmentation", "1", "model.onnx")
SPEAKER_PLACE = Path("speaker_model", "1", "model.onnx")


def artifact_named(name: str) -> Artifact:
    """Return the one file of this name."""
    (artifact,) = artifacts_named(name, load_artifacts())
    return artifact


def install_sad(installed: Path) -> None:
    """Install the SAD model; if it is in place, its download is not needed."""
    artifact = artifact_named(SAD_MODEL)
    if has_sha256(installed, artifact.sha256):
        report(installed, "in place")
        return
    download = ensure(artifact)
    with atomic_file(installed) as part:
        shutil.copyfile(download, part)
    report(installed, "installed")


def install_speaker(options: argparse.Namespace, installed: Path) -> Stamp:
    """Install the speaker model of the options; by default the one chosen earlier."""
    if options.speaker_onnx is not None:
        path: Path = options.speaker_onnx
        return install_onnx(path, f"local file {path.name}", installed)
    stamp = read_stamp(installed)
    if options.speaker_model is None and stamp and not stamp.exporter_sha256:
        report(installed, f"in place, {stamp.name} as chosen earlier")
        return stamp
    artifact = artifact_named(options.speaker_model or SPEAKER_MODELS[0])
    if artifact.sha256:
        return install_exported(CAMPPLUS, artifact.path.stem, artifact, installed)
    return install_unpinned(artifact, options.speaker_url or artifact.url, installed)


def prepare(options: argparse.Namespace) -> None:
    """Install all models and print which speaker model it is."""
    model_repo: Path = options.model_repo
    install_sad(model_repo / SAD_PLACE)
    segmentation = artifact_named(SEGMENTATION_MODEL)
    install_exported(POWERSET, segmentation.name, segmentation, model_repo / SEGMENTATION_PLACE)
    speaker = model_repo / SPEAKER_PLACE
    stamp = install_speaker(options, speaker)
    if options.int8 and stamp.exporter_sha256:
        speech, _reference = artifacts_named(SAMPLE, load_artifacts())
        install_quantized(speaker, stamp, ensure(speech))
    print(f"speaker model: {stamp.name}, embedding size {stamp.output_dims[0]}", flush=True)


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    model = parser.add_mutually_exclusive_group()
    model.add_argument(
        "--speaker_model",
        choices=SPEAKER_MODELS,
        help=f"model to serve (default: as chosen earlier, else {SPEAKER_MODELS[0]})",
    )
    model.add_argument(
        "--speaker_onnx",
        type=Path,
        metavar="PATH",
        help="serve this ONNX file instead: a WeSpeaker export, feats (B, T, 80) -> embs (B, dim)",
    )
    parser.add_argument(
        "--speaker_url", metavar="URL", help="URL to fetch resnet34_LM from instead"
    )
    parser.add_argument(
        "--model_repo",
        type=Path,
        default=PROJECT / "model_repo",
        metavar="DIR",
        help="model repository to install into (default: the project's)",
    )
    parser.add_argument(
        "--int8",
        action="store_true",
        help="add speaker_model/1/model.int8.onnx, campplus in 8 bit, for processors with VNNI",
    )
    parser.add_argument(
        "--list", action="store_true", help="print the source, size and licence of each model"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = command_line()
    options = parser.parse_args(arguments)
    if options.speaker_url and options.speaker_model != "resnet34_LM":
        parser.error("--speaker_url needs --speaker_model resnet34_LM")
    if options.list:
        print("\n".join(describe(artifact_named(n)) for n in MODELS))
        return 0
    return exit_code(lambda: prepare(options))


if __name__ == "__main__":
    sys.exit(main())

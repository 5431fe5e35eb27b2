"""Every instance of the model `run` is a process of its own, and pays for what it imports."""

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE_FOLDER = Path(__file__).resolve().parents[3] / "model_repo" / "run" / "1"


@pytest.mark.parametrize("heavy", ["torch", "onnxruntime"])
def test_the_pipeline_does_not_import(heavy, imported):
    assert "diarization.spectral" in imported
    assert heavy not in imported


@pytest.fixture(scope="module")
def imported():
    """Names of the modules that a fresh process has after importing the pipeline."""
    code = "import sys, diarization.pipeline; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PACKAGE_FOLDER,  # where -c looks for modules
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()

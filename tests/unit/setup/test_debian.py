"""Ways to get md-eval.pl: installed copy, apt with and without lists, the .deb by URL."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from file_server import serving
from setup.debian import fetch_from_debian, read_deb_member
from setup.fetching import Artifact, SetupError

MEMBER = "usr/lib/tool/tool.pl"
CONTENT = b"#!/usr/bin/perl\nprint 1;\n"
SHA = hashlib.sha256(CONTENT).hexdigest()


def deb(content: bytes = CONTENT, compression: str = "xz") -> bytes:
    """Build a Debian package: ar members debian-binary, control.tar (odd length), data.tar."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=f"w:{compression}") as tar:
        entry = tarfile.TarInfo(f"./{MEMBER}")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
        folder = tarfile.TarInfo("./usr/lib/folder")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
    members = [
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", b"odd"),
        ("data.tar.xz", packed.getvalue()),
    ]
    out = b"!<arch>\n"
    for name, body in members:
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(body):<10}`\n".encode()
        out += body + b"\n" * (len(body) % 2)
    return out


@pytest.fixture
def artifact(tmp_path):
    """A file that Debian packages; it goes to `tmp_path / "tools"`."""
    return Artifact(
        name="tool", what="a tool", folder=str(tmp_path / "tools"), licence="none", member=MEMBER,
        sha256=(SHA,), debian_package="tool",
    )  # fmt: skip


@pytest.fixture
def bare_path(tmp_path, monkeypatch):
    """A PATH of one empty folder: no apt, no dpkg, no installed tool."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def write_script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\nset -e\nPATH=/usr/bin:/bin\n{body}\n", encoding="utf-8")
    path.chmod(0o755)


def write_fake_apt(folder: Path, tmp_path: Path, condition: str) -> None:
    """Write an apt-get that downloads a package if `condition` holds, and a dpkg-deb."""
    (tmp_path / "content").write_bytes(CONTENT)
    write_script(
        folder / "apt-get",
        f'case "$*" in *update) exit 0;; esac\n'
        f'{condition} || {{ echo "E: Unable to locate package tool" >&2; exit 100; }}\n'
        f"echo package > tool_1.deb",
    )
    write_script(
        folder / "dpkg-deb", f'mkdir -p "$3/usr/lib/tool"; cp {tmp_path}/content "$3/{MEMBER}"'
    )


# The package


@pytest.mark.parametrize("compression", ["xz", "gz"])
def test_member_is_read_without_dpkg(tmp_path, compression):
    (tmp_path / "x.deb").write_bytes(deb(compression=compression))
    assert read_deb_member(tmp_path / "x.deb", MEMBER, "x.deb") == CONTENT


@pytest.mark.parametrize(
    "damaged", [b"", b"<html>", deb()[:70], deb()[:200], deb()[:-150], b"!<arch>\n" * 20]
)
def test_damaged_package_is_reported_in_one_sentence(tmp_path, damaged):
    (tmp_path / "x.deb").write_bytes(damaged)
    with pytest.raises(SetupError, match=r"x\.deb is not a Debian package that contains usr/lib"):
        read_deb_member(tmp_path / "x.deb", MEMBER, "x.deb")


@pytest.mark.parametrize(
    ("member", "reason"),
    [("usr/other", "not a Debian package that contains"), ("usr/lib/folder", "is not a file")],
)
def test_package_without_the_member_is_refused(tmp_path, member, reason):
    (tmp_path / "x.deb").write_bytes(deb())
    with pytest.raises(SetupError, match=reason):
        read_deb_member(tmp_path / "x.deb", member, "x.deb")


# The ways


def test_installed_copy_comes_first(bare_path, tmp_path, artifact):
    installed = tmp_path / "installed.pl"
    installed.write_bytes(CONTENT)
    assert fetch_from_debian(replace(artifact, installed=(str(installed),))) == str(installed)
    assert artifact.path.read_bytes() == CONTENT


def test_copy_on_the_path_is_found(bare_path, tmp_path, artifact):
    write_script(bare_path / "tool.pl", "")
    (bare_path / "tool.pl").write_bytes(CONTENT)
    assert fetch_from_debian(artifact) == str(bare_path / "tool.pl")


@pytest.mark.parametrize(
    ("condition", "way"),
    [
        ("true", "apt-get download tool"),
        (
            'case "$*" in *Dir::State::Lists=*) true;; *) false;; esac',
            "apt-get download tool (fresh lists)",
        ),
    ],
)
def test_apt_downloads_with_the_systems_lists_or_with_fresh_ones(
    bare_path, tmp_path, artifact, condition, way
):
    write_fake_apt(bare_path, tmp_path, condition)
    assert fetch_from_debian(artifact) == way
    assert artifact.path.read_bytes() == CONTENT


def test_other_builds_are_skipped_until_one_matches(bare_path, tmp_path, artifact):
    (tmp_path / "installed.pl").write_bytes(b"another version")
    with serving({"good.deb": deb(), "bad.deb": deb(b"another version")}) as server:
        debs = tuple(f"{server.url}/{name}.deb" for name in ("absent", "bad", "good"))
        wanted = replace(artifact, installed=(str(tmp_path / "installed.pl"),), debs=debs)
        assert fetch_from_debian(wanted) == debs[2]
        assert server.asked == ["absent.deb", "bad.deb", "good.deb"]
    assert artifact.path.read_bytes() == CONTENT


def test_message_has_the_reason_of_every_way(bare_path, tmp_path, artifact):
    write_fake_apt(bare_path, tmp_path, "false")
    with serving({"bad.deb": deb(b"another version")}) as server:
        wanted = replace(artifact, installed=("/nowhere/tool.pl",), debs=(f"{server.url}/bad.deb",))
        with pytest.raises(SetupError, match=r"cannot get tool\.pl by any way") as caught:
            fetch_from_debian(wanted)
    message = str(caught.value)
    assert "no /nowhere/tool.pl" in message
    assert "Unable to locate package tool" in message
    assert f"expected {SHA}" in message
    assert "\n" not in message
    assert not artifact.path.exists()

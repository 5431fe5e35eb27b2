"""Downloads are checked, and resume where they were cut, never with bytes of another file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from file_server import serving
from setup.downloading import CutError, download, fetch_url
from setup.fetching import Artifact, SetupError

CONTENT = bytes(range(256)) * 4000
VERSION = '"v1"'
N_MISSING = 100_000
REST = f"bytes={len(CONTENT) - N_MISSING}-"
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server():
    with serving({"big.zip": CONTENT}) as running:
        running.version = VERSION
        yield running


@pytest.fixture
def url(server):
    return f"{server.url}/big.zip"


@pytest.fixture
def target(tmp_path):
    return tmp_path / "new" / "big.zip"


@pytest.fixture
def pinned(url, target):
    return Artifact("big", "w", str(target.parent), "l", url=url, sha256=(SHA,))


@pytest.fixture
def cut(server, url, target):
    """The target after a download that lacks bytes at its end."""
    server.missing_bytes = N_MISSING
    with pytest.raises(CutError):
        download(url, target)
    server.missing_bytes = 0
    server.ranges.clear()
    return target


def is_alone(target, content=CONTENT):
    """Whether the complete file is the only one in its folder."""
    return {path.name: path.read_bytes() for path in target.parent.iterdir()} == {
        target.name: content
    }


# Checked


def test_complete_file_is_alone(server, pinned, url, target):
    fetch_url(pinned, url)
    assert is_alone(target)
    assert server.ranges == [None]


@pytest.mark.parametrize("n_missing", [0, N_MISSING])
def test_wrong_content_is_refused_and_leaves_nothing(server, pinned, url, target, n_missing):
    server.files["big.zip"] = CONTENT + b"!"
    server.missing_bytes, server.n_cuts = n_missing, 1
    with pytest.raises(SetupError, match=r"big.zip from http.*expected .*; nothing was installed"):
        fetch_url(pinned, url)
    assert list(target.parent.iterdir()) == []


def test_missing_page_and_missing_server_are_reported_in_one_sentence(tmp_path):
    with serving({}) as server:
        url = f"{server.url}/file.bin"
        with pytest.raises(SetupError, match=r"^cannot download http.*bin: 404 Not Found$"):
            download(url, tmp_path / "file.bin")
    with pytest.raises(SetupError, match=r"^cannot download http.*Connection refused$"):
        download(url, tmp_path / "file.bin")
    assert list(tmp_path.iterdir()) == []


def test_local_failure_is_not_blamed_on_the_server(url, target):
    (target.parent / "big.zip.part").mkdir(parents=True)
    with pytest.raises(SetupError, match=r"^cannot write .*/big\.zip\.part: "):
        download(url, target)


# Resumed


def test_cut_connection_is_resumed_in_the_same_run(server, url, target, capsys):
    server.missing_bytes, server.n_cuts = N_MISSING, 1
    download(url, target)
    assert server.ranges == [None, REST]
    assert is_alone(target)
    assert "ended after 924000 bytes, expected 1024000: resuming" in capsys.readouterr().out


def test_next_run_resumes_where_the_last_one_was_cut(server, url, cut):
    assert cut.with_name("big.zip.part").stat().st_size == len(CONTENT) - N_MISSING
    assert not cut.exists()
    download(url, cut)
    assert server.ranges == [REST]
    assert is_alone(cut)


def test_killed_run_is_resumed(server, url, target):
    server.missing_bytes, server.stall = N_MISSING, True
    script = (
        "import sys; from pathlib import Path; from setup.downloading import download\n"
        "download(sys.argv[1], Path(sys.argv[2]))"
    )
    note = target.with_name("big.zip.part.json")
    with subprocess.Popen([sys.executable, "-c", script, url, target]) as child:
        assert server.half_sent.wait(30)
        while not note.exists():
            assert child.poll() is None
        child.send_signal(signal.SIGKILL)
    assert not target.exists()
    server.missing_bytes, server.stall = 0, False
    download(url, target)
    assert is_alone(target)


def test_error_page_keeps_the_bytes_so_far(server, url, cut):
    content = server.files.pop("big.zip")
    with pytest.raises(SetupError, match=r"404 Not Found$"):
        download(url, cut)
    server.files["big.zip"] = content
    download(url, cut)
    assert server.ranges == [REST]
    assert is_alone(cut)


@pytest.mark.parametrize("version", ["", 'W/"weak"'])
def test_without_a_strong_version_it_starts_again(server, url, target, version):
    server.version, server.missing_bytes = version, N_MISSING
    with pytest.raises(CutError):
        download(url, target)
    server.missing_bytes = 0
    download(url, target)
    assert server.ranges == [None, None]
    assert is_alone(target)


def test_changed_file_is_downloaded_from_its_start(server, url, cut):
    server.files["big.zip"], server.version = CONTENT[::-1], '"v2"'
    download(url, cut)
    assert server.ranges == [REST]
    assert is_alone(cut, CONTENT[::-1])


def test_bytes_of_another_url_are_not_resumed(server, cut):
    server.files["other/big.zip"] = CONTENT[::-1]
    download(f"{server.url}/other/big.zip", cut)
    assert server.ranges == [None]
    assert is_alone(cut, CONTENT[::-1])


@pytest.mark.parametrize("note", ["{", "[]", '{"url": "x"}'])
def test_bytes_without_a_valid_note_are_not_resumed(server, url, cut, note):
    cut.with_name("big.zip.part.json").write_text(note)
    download(url, cut)
    assert server.ranges == [None]
    assert is_alone(cut)


def test_more_bytes_than_the_file_has_are_discarded(server, url, cut):
    cut.with_name("big.zip.part").write_bytes(CONTENT + b"more")
    download(url, cut)
    assert server.ranges == [f"bytes={len(CONTENT) + 4}-", None]
    assert is_alone(cut)


# Space


def test_full_disk_is_reported_before_a_byte_is_written(url, target, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    with pytest.raises(SetupError, match=r"not enough space in .*: 0\.0 GB are free, the rest"):
        download(url, target)
    assert target.with_name("big.zip.part").stat().st_size == 0
    assert json.loads(target.with_name("big.zip.part.json").read_text())["version"] == VERSION


def test_disk_that_fills_during_the_download_is_reported_and_resumed_later(server, url, target):
    script = (
        "import resource, signal, sys; from pathlib import Path; from setup import downloading\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "downloading.CHUNK_BYTES = 100_000\n"
        "try: downloading.download(sys.argv[1], Path(sys.argv[2]))\n"
        "except downloading.SetupError as error: sys.exit(str(error))"
    )
    command = [sys.executable, "-c", script, url, target]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert done.stderr == f"cannot write {target}.part: File too large\n"
    download(url, target)
    assert server.ranges == [None, "bytes=500000-"]
    assert is_alone(target)

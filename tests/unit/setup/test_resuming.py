"""Large downloads go on where they were cut, and never with bytes of another file."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from file_server import serving
from setup import resuming
from setup.fetching import FetchError
from setup.resuming import CutError, download_resuming

CONTENT = bytes(range(256)) * 4000
VERSION = '"v1"'


@pytest.fixture
def server():
    with serving({"big.zip": CONTENT}) as running:
        running.version = VERSION
        yield running


def got(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def leave_part(server, target, n_missing=100_000):
    """Let a run end with that many bytes missing."""
    server.missing_bytes, server.n_cuts = n_missing, None
    with pytest.raises(CutError):
        download_resuming(f"{server.url}/big.zip", target)
    server.missing_bytes = 0
    server.ranges.clear()


def test_whole_file_is_there_alone(server, tmp_path):
    download_resuming(f"{server.url}/big.zip", tmp_path / "big.zip")
    assert got(tmp_path) == {"big.zip": CONTENT}
    assert server.ranges == [None]


def test_cut_connection_is_continued_in_the_same_run(server, tmp_path, capsys):
    server.missing_bytes, server.n_cuts = 100_000, 1
    download_resuming(f"{server.url}/big.zip", tmp_path / "big.zip")
    assert server.ranges == [None, f"bytes={len(CONTENT) - 100_000}-"]
    assert got(tmp_path) == {"big.zip": CONTENT}
    assert "ended after 924000 bytes, expected 1024000: continuing" in capsys.readouterr().out


def test_next_run_continues_where_the_last_one_was_cut(server, tmp_path):
    leave_part(server, tmp_path / "big.zip")
    assert (tmp_path / "big.zip.part").stat().st_size == len(CONTENT) - 100_000
    assert not (tmp_path / "big.zip").exists()
    download_resuming(f"{server.url}/big.zip", tmp_path / "big.zip")
    assert server.ranges == [f"bytes={len(CONTENT) - 100_000}-"]
    assert got(tmp_path) == {"big.zip": CONTENT}


def test_killed_run_is_continued(server, tmp_path):
    server.missing_bytes, server.stall = 100_000, True
    script = (
        "import sys; from pathlib import Path; import resuming\n"
        "resuming.download_resuming(sys.argv[1], Path(sys.argv[2]))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(resuming.__file__).parent)}
    url, target = f"{server.url}/big.zip", tmp_path / "big.zip"
    with subprocess.Popen([sys.executable, "-c", script, url, target], env=environment) as child:
        assert server.half_sent.wait(30)
        while not (tmp_path / "big.zip.part.json").exists():  # the child is about to write it
            assert child.poll() is None
        child.send_signal(signal.SIGKILL)
    server.missing_bytes, server.stall = 0, False
    download_resuming(url, target)
    assert got(tmp_path) == {"big.zip": CONTENT}


def test_file_that_changed_meanwhile_is_fetched_from_its_beginning(server, tmp_path):
    leave_part(server, tmp_path / "big.zip")
    server.files["big.zip"], server.version = CONTENT[::-1], '"v2"'
    download_resuming(f"{server.url}/big.zip", tmp_path / "big.zip")
    assert got(tmp_path) == {"big.zip": CONTENT[::-1]}


@pytest.mark.parametrize("version", ["", 'W/"weak"'])
def test_server_that_cannot_continue_begins_again(server, tmp_path, version):
    server.version = version
    leave_part(server, tmp_path / "big.zip")
    download_resuming(f"{server.url}/big.zip", tmp_path / "big.zip")
    assert server.ranges == [None]
    assert got(tmp_path) == {"big.zip": CONTENT}


def test_server_that_lost_its_ranges_sends_the_whole_again(server, tmp_path):
    leave_part(server, tmp_path / "big.zip")
    server.version = ""
    download_resuming(f"{server.url}/big.zip", tmp_path / "big.zip")
    assert server.ranges == [f"bytes={len(CONTENT) - 100_000}-"]
    assert got(tmp_path) == {"big.zip": CONTENT}


def test_bytes_of_another_url_are_not_continued(server, tmp_path):
    leave_part(server, tmp_path / "big.zip")
    server.files["other/big.zip"] = CONTENT[::-1]
    download_resuming(f"{server.url}/other/big.zip", tmp_path / "big.zip")
    assert got(tmp_path) == {"big.zip": CONTENT[::-1]}


def test_bytes_without_a_note_are_not_continued(server, tmp_path):
    (tmp_path / "big.zip.part").write_bytes(b"who knows")
    download_resuming(f"{server.url}/big.zip", tmp_path / "big.zip")
    assert got(tmp_path) == {"big.zip": CONTENT}


def test_run_killed_before_the_last_step_asks_for_nothing(server, tmp_path):
    leave_part(server, tmp_path / "big.zip")
    (tmp_path / "big.zip.part").write_bytes(CONTENT)
    server.asked.clear()
    download_resuming(f"{server.url}/big.zip", tmp_path / "big.zip")
    assert server.asked == []
    assert got(tmp_path) == {"big.zip": CONTENT}


def test_more_bytes_than_the_file_has_are_thrown_away(server, tmp_path):
    leave_part(server, tmp_path / "big.zip")
    (tmp_path / "big.zip.part").write_bytes(CONTENT + b"more")
    download_resuming(f"{server.url}/big.zip", tmp_path / "big.zip")
    assert server.ranges == [f"bytes={len(CONTENT) + 4}-", None]
    assert got(tmp_path) == {"big.zip": CONTENT}


def test_rest_of_a_file_of_another_length_is_thrown_away(server, tmp_path):
    leave_part(server, tmp_path / "big.zip")
    server.files["big.zip"] = CONTENT + b"longer, under the same version"
    with pytest.raises(FetchError, match=r"asked for bytes 924000- of 1024000, got bytes .*again"):
        download_resuming(f"{server.url}/big.zip", tmp_path / "big.zip")
    download_resuming(f"{server.url}/big.zip", tmp_path / "big.zip")
    assert got(tmp_path) == {"big.zip": server.files["big.zip"]}


def test_absent_page_is_one_sentence_and_keeps_what_is_there(server, tmp_path):
    leave_part(server, tmp_path / "big.zip")
    content = server.files.pop("big.zip")
    with pytest.raises(FetchError, match=r"cannot download http://.*/big\.zip: 404 Not Found$"):
        download_resuming(f"{server.url}/big.zip", tmp_path / "big.zip")
    server.files["big.zip"] = content
    server.ranges.clear()
    download_resuming(f"{server.url}/big.zip", tmp_path / "big.zip")
    assert server.ranges == [f"bytes={len(CONTENT) - 100_000}-"]


def test_full_disk_is_told_before_a_byte_is_written(server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    with pytest.raises(FetchError, match=r"not enough space in .*: 0\.0 GB are free, expected 0"):
        download_resuming(f"{server.url}/big.zip", tmp_path / "big.zip")
    assert (tmp_path / "big.zip.part").stat().st_size == 0
    assert json.loads((tmp_path / "big.zip.part.json").read_text())["n_bytes"] == len(CONTENT)


def test_disk_that_fills_meanwhile_is_told_and_the_rest_comes_later(server, tmp_path):
    script = (
        "import resource, sys; from pathlib import Path; from setup import fetching, resuming\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "fetching.CHUNK_BYTES = resuming.CHUNK_BYTES = 100_000\n"
        "try: resuming.download_resuming(sys.argv[1], Path(sys.argv[2]))\n"
        "except fetching.FetchError as error: sys.exit(str(error))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(resuming.__file__).parent)}
    url, target = f"{server.url}/big.zip", tmp_path / "big.zip"
    command = [sys.executable, "-c", script, url, target]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.endswith(f"cannot write {target}.part: File too large\n")
    assert done.stderr.count("\n") == 1
    download_resuming(url, target)
    assert server.ranges == [None, "bytes=500000-"]
    assert got(tmp_path) == {"big.zip": CONTENT}

"""The client's --help: short lines, and examples that work as typed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import client
from console import options
from console.help_text import DESCRIPTION
from console.options import client_parser
from integration.planted_answers import answering
from unit.planted_voices import voice
from voices.store import VoiceStore

EXAMPLES = re.findall(r"^  (\S.*client\.py .*)$", DESCRIPTION, re.M)


@pytest.fixture
def folder(tmp_path):
    """Where the examples are typed: the client, and all files that they name."""
    (tmp_path / "client.py").symlink_to(client.__file__)
    (tmp_path / "calls").mkdir()
    for name in ("talk.wav", "calls/a.wav", "calls/b.flac"):
        soundfile.write(tmp_path / name, np.zeros(1600), 16_000)
    VoiceStore(tmp_path / "voices.db").add([voice("Ana", [1, 0])])
    (tmp_path / "wav.scp").write_text("talk talk.wav\n")
    (tmp_path / "ref.rttm").write_text("SPEAKER talk 1 0.0 1.0 <NA> <NA> anna <NA> <NA>\n")
    return tmp_path


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_works(example, triton, folder):
    one_voice = [("SPEAKER_00", [1, 0])]
    triton.reply = lambda call: answering({call.recording_id: one_voice})(call)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", example],
        cwd=folder,
        env=os.environ | {"PATH": path, "DIARIZATION_URL": triton.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert "dry_run" in example or triton.calls


@pytest.mark.parametrize("columns", ["100", "300"])
def test_no_line_is_longer_than_100_columns(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)

    lines = client_parser().format_help().splitlines()

    assert max(map(len, lines)) <= 100
    assert len(lines) < 180


def test_the_environment_sets_the_default_url(triton, wav, monkeypatch):
    monkeypatch.setenv(options.URL_VARIABLE, triton.url)

    assert client.main(["--audio_file", str(wav("a.wav"))]) == 0
    assert client_parser().parse_args(["--audio_file=a", "--url=b:1"]).url == "b:1"

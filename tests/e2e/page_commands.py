"""The commands of a page of docs/, run as a reader would type them.

Every block of a page that is fenced as `bash` or `python` is run, one after another, in a folder
that looks like the project and holds the recordings that pages speak of (see `lay_out`). A page
names the server where it is by default: `localhost:8001` for gRPC, 8000 for HTTP, 8002 for metrics;
the addresses of the tests' own server are put in their place, and DIARIZATION_URL names it to the
client where a command does not. A block that cannot be run is marked in the line above it:

    <!-- not run: it builds an image -->
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from server.triton_server import ROOT

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n)?^```(?P<language>bash|python)\n(?P<script>.*?)^```$",
    re.M | re.S,
)
# What -e overlooks: `absent && echo there`, of which only the first half is run.
_NOTICE = "trap '(($? == 0)) || exit 1' DEBUG\n"
_NOT_A_PART = {".git", "data", "output"}
TALK_S = 12
RATE_HZ = 16_000
_ONE_SPEAKER = (22 * RATE_HZ, 27 * RATE_HZ)  # of the sample


@dataclass(frozen=True)
class Block:
    """Commands of a page from this line on; `not_run` is the page's reason not to run them."""

    line: int
    script: str
    not_run: str | None = None
    language: str = "bash"


def blocks_of(page):
    """All blocks of a page's text, in order."""
    return [
        Block(
            page.count("\n", 0, found.start("script")) + 1,
            found["script"],
            found["reason"],
            found["language"],
        )
        for found in _BLOCK.finditer(page)
    ]


def lay_out(folder, sample):
    """Make a folder look like the project, with recordings that pages speak of.

    talk.wav, meeting.wav and those in calls/ are of two speakers, call.wav has a side on each of
    its two channels, ana.wav and the others are of one speaker; wav.scp and ref.rttm speak of two
    in calls/, and data/sets/ is what evaluate.py takes.

    `sample` is the sample recording, with its reference beside it.
    """
    for entry in ROOT.iterdir():
        if entry.name not in _NOT_A_PART:
            (folder / entry.name).symlink_to(entry)
    (folder / "calls" / "older").mkdir(parents=True)
    samples, _ = soundfile.read(sample)
    talk = samples[: TALK_S * RATE_HZ]
    for name in ("talk.wav", "calls/monday.wav", "calls/tuesday.flac", "calls/older/friday.wav"):
        soundfile.write(folder / name, talk, RATE_HZ)
    soundfile.write(folder / "meeting.wav", samples, RATE_HZ)
    soundfile.write(folder / "call.wav", np.stack([talk, talk[::-1]], axis=1), RATE_HZ)
    for name in ("ana.wav", "call-1.wav", "call-2.wav", "new.wav"):
        soundfile.write(folder / name, samples[slice(*_ONE_SPEAKER)], RATE_HZ)
    (folder / "wav.scp").write_text("monday calls/monday.wav\ntuesday calls/tuesday.flac\n")
    (folder / "ref.rttm").write_text(_reference(sample, ["monday", "tuesday"]))
    _lay_out_data(folder / "data", sample)


def _lay_out_data(data, sample):
    (data / "sets" / "meetings").mkdir(parents=True)
    (data / "sample").symlink_to(sample.parent)
    for file in (sample, sample.with_suffix(".rttm")):
        (data / "sets" / "meetings" / file.name).symlink_to(file)


def _reference(sample, names):
    """What the sample's reference says of its first seconds, under these ids."""
    lines = sample.with_suffix(".rttm").read_text().splitlines()
    first = [line for line in lines if sum(map(float, line.split()[3:5])) <= TALK_S]
    return "".join(
        line.replace(f" {sample.stem} ", f" {name} ") + "\n" for name in names for line in first
    )


def run_block(block, folder, server):
    """Run the commands; the first that fails ends them. Output comes as text."""
    variables = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DIARIZATION_URL": server.url,
    }
    script = addressed(block.script, server)
    command = ["bash", "-e", "-o", "pipefail", "-c", _NOTICE + script]
    return subprocess.run(
        [sys.executable, "-c", script] if block.language == "python" else command,
        cwd=folder,
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def addressed(script, server):
    """The script with the server's own addresses."""
    ports = {8000: server.ports.http, 8001: server.ports.grpc, 8002: server.ports.metrics}
    for default, port in ports.items():
        script = script.replace(f"localhost:{default}", f"127.0.0.1:{port}")
    return script

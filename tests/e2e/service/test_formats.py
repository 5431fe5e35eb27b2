"""Every format of the client, of what the real server answers."""

import csv
import json
import re

import numpy as np
import pytest
import srt
from praatio import textgrid
from pyannote.database.util import load_rttm, load_uem

from e2e.calls import run_client, wav_bytes
from formats import TOKENS
from server.triton_server import ROOT

SAME_TIME_S = 0.02
PAGE = ROOT / "docs" / "formats.md"

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def written(server, sample, tmp_path_factory):
    """The folder after the page's first command."""
    out = tmp_path_factory.mktemp("formats")
    done = run_client(
        server,
        f"--audio_file={sample}",
        f"--output_directory={out}",
        f"--format={','.join(TOKENS)}",
    )
    assert done.returncode == 0, done.stderr
    return out


def rows_of(lines):
    """Times, and what is said of them, of every row of a CSV."""
    rows = list(csv.DictReader(lines))
    numbers = [[float(row[name]) for name in ("start_s", "end_s")] for row in rows]
    return np.array(numbers), [(row["recording_id"], row["speaker"]) for row in rows]


def test_the_examples_in_the_docs_match_the_answer(written):
    shown = re.search(r"^## csv\n\n```\n(.*?)^```$", PAGE.read_text(), re.M | re.S)[1]
    (page_s, page_names), (now_s, now_names) = (
        rows_of(text.splitlines()) for text in (shown, (written / "sample.csv").read_text())
    )

    assert now_names == page_names
    np.testing.assert_allclose(now_s, page_s, atol=SAME_TIME_S)


def test_all_formats_contain_the_same_turns(written):
    turns = load_rttm(str(written / "rttm_sample"))["sample"]
    times = sorted((segment.start, segment.end) for segment in turns.itersegments())
    document = json.loads((written / "sample.json").read_text())
    cues = srt.parse((written / "sample.srt").read_text())
    grid = textgrid.openTextgrid(str(written / "sample.TextGrid"), includeEmptyIntervals=False)
    intervals = [tuple(each)[:2] for name in grid.tierNames for each in grid.getTier(name)]

    assert all(0 < turn["confidence"] <= 1 for turn in document["turns"])
    for read in (
        [(turn["start_s"], turn["end_s"]) for turn in document["turns"]],
        [(cue.start.total_seconds(), cue.end.total_seconds()) for cue in cues],
        sorted(intervals),
    ):
        np.testing.assert_allclose(read, times, atol=1e-6)
    (whole,) = load_uem(str(written / "sample.uem"))["sample"]
    assert whole.end == grid.maxTimestamp == document["audio_s"] == 30


def test_silence_is_written_too(server, tmp_path):
    (tmp_path / "quiet.wav").write_bytes(wav_bytes(np.zeros(32_000)))

    done = run_client(server, f"--audio_file={tmp_path / 'quiet.wav'}", "--format=json")

    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["audio_s"], document["speakers"], document["turns"]) == (2.0, [], [])

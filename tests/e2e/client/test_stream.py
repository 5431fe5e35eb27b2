"""Live audio with the real server ends in the result of the finished recording."""

import json

import pytest

from e2e.calls import run_client

pytestmark = pytest.mark.triton


def test_a_streamed_file_gets_the_rttm_of_the_whole_recording(server, sample, tmp_path):
    outputs = ["--format=csv", "--output_directory"]
    live = run_client(server, "--stream", sample, "--pace=10", *outputs, tmp_path / "live")
    whole = run_client(server, "--audio_file", sample, *outputs, tmp_path / "whole")

    assert live.returncode == whole.returncode == 0, live.stderr
    rttms = [(tmp_path / name / "rttm_sample").read_text() for name in ("live", "whole")]
    assert rttms[0] == rttms[1]
    files = [(tmp_path / name / "sample.csv").read_text() for name in ("live", "whole")]
    rows = [[line.split(",") for line in text.splitlines()[1:]] for text in files]
    confidences = [[float(row.pop()) for row in table] for table in rows]
    assert rows[0] == rows[1]
    assert confidences[0] == pytest.approx(confidences[1], abs=0.001)
    assert live.stdout.count(" - ") >= rttms[1].count("\n") / 2


def test_events_are_numbered_and_final_turns_cover_the_speech(server, sample):
    done = run_client(server, "--stream", sample, "--pace=0", "--json", "--latency=5")

    assert done.returncode == 0, done.stderr
    *events, document = map(json.loads, done.stdout.splitlines())
    final = [each for each in events if each["type"] == "turn" and each["state"] == "final"]
    assert [each["seq"] for each in events] == list(range(1, len(events) + 1))
    assert len({each["id"] for each in final}) == len(final)
    live_s = sum(each["end_s"] - each["start_s"] for each in final)
    assert live_s == pytest.approx(sum(each["talk_s"] for each in document["speakers"]), rel=0.1)

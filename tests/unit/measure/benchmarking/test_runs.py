"""Figures of several runs; subjects in turn; other programs run beside the service."""

import argparse
import shlex
import sys
from pathlib import Path

import pytest

from measure.benchmarking.floor import Floor
from measure.benchmarking.runs import LengthResult, Peer, Run, run_in_turn

PYTHON = shlex.quote(sys.executable)


def result(*runs):
    return LengthResult("full", False, 60.0, 1000, runs)


def floored(wall_s, floor_s):
    return Run(wall_s, 1, floor=Floor(10, 2, floor_s / 2, floor_s / 2))


def test_failed_runs_count_in_no_figure():
    runs = result(Run(4.0, 700), Run(0.1, 9999, failure="refused"), Run(2.0, 500))

    assert [run.wall_s for run in runs.good] == [2.0, 4.0]
    assert runs.median_s == 3.0
    assert runs.peak_bytes == 700
    assert runs.middle.wall_s == 2.0


def test_without_an_answer_there_is_no_figure():
    runs = result(Run(0.1, 9999, failure="refused"))

    assert (runs.median_s, runs.peak_bytes, runs.middle, runs.overhead) == (None, None, None, None)


def test_overhead_is_the_median_time_over_the_median_floor():
    runs = result(floored(6.0, 2.0), floored(3.0, 4.0), floored(30.0, 1.0))

    assert runs.overhead == 3.0
    assert result(Run(6.0, 1)).overhead is None
    assert result(floored(1.0, 0.0)).overhead is None


def test_stages_add_up_to_the_wall_time():
    spent_s = Run(10.0, 1, {"decode": 1.0, "sad": 2.0, "embed": 4.0, "total": 9.5}).all_stages()

    assert (spent_s["other"], spent_s["transport"]) == (2.5, 0.5)
    assert sum(spent_s.values()) == pytest.approx(10.0)


class FakeSubject:
    """A subject that records its turns."""

    is_peer = False

    def __init__(self, name, turns):
        self.name = name
        self.turns = turns

    def run(self, flac):
        self.turns.append(self.name)
        return Run(len(self.turns), 1)


@pytest.mark.parametrize(("audio_s", "order"), [(30.0, "ABABAB"), (3600.0, "AB")])
def test_subjects_take_turns_and_an_hour_is_sent_once(tmp_path, audio_s, order):
    (tmp_path / "a.flac").write_bytes(b"12345")
    turns = []
    subjects = [FakeSubject("A", turns), FakeSubject("B", turns)]

    first, second = run_in_turn(subjects, tmp_path / "a.flac", audio_s, 3)

    assert "".join(turns) == order
    assert [run.wall_s for run in first.runs] == list(range(1, len(order), 2))
    assert (second.subject, second.audio_s, second.upload_bytes) == ("B", audio_s, 5)


def test_peer_command_may_contain_equals_signs_and_braces():
    peer = Peer.parse("other=X=1 run ${HOME} {audio} > {output}")

    assert peer.name == "other"
    line = peer.line(Path("/a b/c.wav"), Path("/out"))
    assert line == "X=1 run ${HOME} '/a b/c.wav' > /out"


@pytest.mark.parametrize("text", ["", "other", "other=", "=run {audio}", "other=run"])
def test_invalid_peer_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected"):
        Peer.parse(text)


def test_peer_gets_both_files_and_its_memory_is_measured(tmp_path):
    program = (
        "import sys, time; sys.stdout.write(sys.argv[1]); x = b'1' * 50_000_000; time.sleep(1)"
    )
    command = f"{PYTHON} -c {shlex.quote(program)} {{audio}} > {{output}}"

    run = Peer("other", command, timeout_s=60).run(tmp_path / "a b.flac")

    assert run.failure is None
    assert run.wall_s > 0.9
    assert run.peak_bytes > 50_000_000
    assert (tmp_path / "peer_output").read_text() == str(tmp_path / "a b.wav")


@pytest.mark.parametrize(
    ("command", "failure"),
    [
        ("echo one >&2; echo no model >&2; exit 3 # {audio}", "ended with status 3: no model"),
        ("exit 1 # {audio}", "ended with status 1"),
        ("sleep 60 # {audio}", "no end within 0.2 s (--timeout)"),
    ],
)
def test_failure_of_a_peer_is_reported(tmp_path, command, failure):
    run = Peer("other", command, timeout_s=0.2).run(tmp_path / "a b.flac")

    assert run.failure == failure

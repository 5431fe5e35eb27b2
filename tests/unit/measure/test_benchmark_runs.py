"""Figures of several runs, reckoned on paper."""

from pathlib import Path

import pytest

from measure.benchmarking.lengths import measured
from measure.benchmarking.runs import Floor, LengthResult, Material, Run, all_stages
from measure.benchmarking.spread import Spread, percentile, slowest_to_fastest


def result(*runs):
    return LengthResult("full", False, 60.0, 1000, runs)


def floored(wall_s, floor_s):
    return Run(wall_s, 1, floor=Floor(10, 2, floor_s / 2, floor_s / 2))


def test_spread_is_median_least_and_greatest():
    assert Spread.of([3.0, 1.0, 8.0]) == Spread(3.0, 1.0, 8.0)
    assert Spread.of([2.0, 4.0]) == Spread(3.0, 2.0, 4.0)


def test_percentiles_lie_on_straight_lines_between_values():
    assert percentile([5.0], 95) == 5.0
    assert percentile([4.0, 1.0, 3.0, 2.0, 5.0], 50) == 3.0
    assert percentile(range(101), 95) == 95.0
    assert percentile([0.0, 10.0], 95) == 9.5


def test_the_slowest_client_is_compared_with_the_fastest_by_means():
    assert slowest_to_fastest([[1.0, 3.0], [4.0, 6.0], [2.5]]) == 2.5


def test_runs_that_failed_count_in_no_figure():
    runs = result(Run(2.0, 500), Run(0.1, 9999, failure="refused"), Run(4.0, 700))

    assert runs.wall_s == Spread(3.0, 2.0, 4.0)
    assert runs.peak_bytes == 700
    assert runs.middle.wall_s == 2.0


def test_without_an_answer_there_is_no_figure():
    runs = result(Run(0.1, 9999, failure="refused"))

    assert (runs.wall_s, runs.peak_bytes, runs.middle, runs.overhead) == (None, None, None, None)


def test_overhead_is_the_median_time_over_the_median_floor():
    runs = result(floored(6.0, 2.0), floored(3.0, 4.0), floored(30.0, 1.0))

    assert runs.overhead == 3.0
    assert result(Run(6.0, 1)).overhead is None
    assert result(floored(1.0, 0.0)).overhead is None


def test_stages_add_up_to_the_wall_time():
    run = Run(10.0, 1, {"decode": 1.0, "sad": 2.0, "embed": 4.0, "total": 9.5})

    spent = all_stages(run)

    assert spent["other"] == 2.5
    assert spent["transport"] == 0.5
    assert spent["cluster"] == 0.0
    assert sum(spent.values()) == pytest.approx(10.0)


class Planted:
    """A subject that notes its turns."""

    is_peer = False

    def __init__(self, name, turns):
        self.name = name
        self.turns = turns

    def run(self, material):
        self.turns.append(self.name)
        return Run(len(self.turns), 1)


@pytest.mark.parametrize(("audio_s", "order"), [(30.0, "ABABAB"), (3600.0, "AB")])
def test_subjects_take_turns_and_an_hour_is_sent_once(tmp_path, audio_s, order):
    (tmp_path / "a.flac").write_bytes(b"12345")
    material = Material(audio_s, tmp_path / "a.flac", Path("absent.wav"))
    turns, told = [], []

    first, second = measured(
        [Planted("A", turns), Planted("B", turns)], material, 3, tell=told.append
    )

    assert "".join(turns) == order
    assert len(told) == len(order)
    assert [run.wall_s for run in first.runs] == list(range(1, len(order), 2))
    assert (second.subject, second.audio_s, second.upload_bytes) == ("B", audio_s, 5)

"""Eigengaps of planted speakers, counted in one graph and in one per stretch."""

import numpy as np
import pytest
from PIL import Image

from diarization.options import Options
from formats.result import Turn
from measure import plot_eigengap
from measure.plot_eigengap import (
    former_and_present,
    main,
    panel_text,
    speakers_of_windows,
    spectrum,
)

N_STRETCHES, N_WINDOWS = 16, 130
DIM = 24  # so few that windows of different voices come near each other by chance, as real ones do


@pytest.fixture(scope="module")
def meeting():
    """Two people talk throughout; in each stretch another one has 9 windows, and never again."""
    talker = np.tile([0, 1], N_STRETCHES * N_WINDOWS // 2)
    for stretch in range(N_STRETCHES):
        talker[stretch * N_WINDOWS + 60 :][:9] = 2 + stretch
    rng = np.random.default_rng(0)
    voices = rng.standard_normal((2 + N_STRETCHES, DIM))
    vectors = voices[talker] + 0.7 * rng.standard_normal((len(talker), DIM))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), talker


def test_eigenvalues_of_two_complete_graphs_of_four():
    unit = np.repeat(np.eye(2), 4, axis=0)

    found = spectrum(unit, 3, np.arange(8) // 4)

    np.testing.assert_allclose(found.values, [0, 0, 4], atol=1e-12)
    assert found.n_found == 2
    assert found.talkers.tolist() == [4, 4]


def test_stretches_show_short_talkers_and_one_graph_does_not(meeting):
    unit, talker = meeting

    former, stretches = former_and_present(unit, talker, Options())

    assert [each.n_edges for each in former] == [42]  # 2 % of 2080 windows
    assert former[0].n_found == 2
    assert np.count_nonzero(former[0].talkers < 42) == N_STRETCHES
    assert [each.n_found for each in stretches] == [3] * N_STRETCHES
    assert [sorted(each.talkers)[0] for each in stretches] == [9] * N_STRETCHES


@pytest.mark.parametrize(("n_windows", "n_edges"), [(100, 7), (500, 10), (5200, 100)])
def test_the_former_rule_keeps_2_percent_within_7_and_100(n_windows, n_edges, monkeypatch):
    monkeypatch.setattr(plot_eigengap, "spectrum", lambda unit, n_edges, talker: n_edges)

    (former,), _ = former_and_present(
        np.zeros((n_windows, 1)), np.zeros(n_windows, np.int64), Options()
    )

    assert former == n_edges


def test_a_window_belongs_to_its_longest_speaker():
    windows = np.array([[0.0, 1.0], [0.5, 1.5], [1.0, 2.0], [4.0, 5.0]])
    turns = [Turn(0, 700, "b"), Turn(600, 1200, "a"), Turn(1200, 3000, "b")]

    assert speakers_of_windows(windows, turns).tolist() == [0, 1, 0, -1]
    assert speakers_of_windows(windows, []).tolist() == [-1] * 4


def test_a_panel_sums_up_its_graphs(meeting):
    unit, talker = meeting
    _, stretches = former_and_present(unit, talker, Options())

    assert panel_text(stretches).splitlines() == [
        "graphs: 16, edges per window: 7",
        "speakers: 48 by the gaps, 48 true",
        "true with under 7 windows: 0",
    ]


@pytest.fixture
def no_networks(monkeypatch):
    unit = np.repeat(np.eye(2), 80, axis=0)
    windows = np.arange(len(unit))[:, None] / 2 + [0, 1]
    monkeypatch.setattr(plot_eigengap, "LocalModels", lambda: None)
    monkeypatch.setattr(plot_eigengap, "clustered_windows", lambda *_: (windows, unit))


@pytest.mark.usefixtures("no_networks")
def test_a_column_per_recording_is_drawn(tmp_path, capsys):
    recordings = [tmp_path / "one.flac", tmp_path / "two.flac"]
    for path in recordings:
        path.write_bytes(b"")
        path.with_suffix(".rttm").write_text("SPEAKER x 1 0 600 <NA> <NA> x <NA> <NA>\n")

    assert main([*map(str, recordings), "--output", str(tmp_path / "picture.png")]) == 0

    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.size == (550, 640)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["one.flac"] * 2 + ["two.flac"] * 2
    assert "1 true" in lines[0]


@pytest.mark.usefixtures("no_networks")
def test_a_missing_recording_is_named(tmp_path, capsys):
    assert main([str(tmp_path / "no.flac"), "--output", str(tmp_path / "picture.png")]) == 1

    assert "no.rttm" in capsys.readouterr().err
    assert not (tmp_path / "picture.png").exists()

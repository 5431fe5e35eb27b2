"""Both modes of `run` on synthetic speakers who overlap."""

import numpy as np
import pytest

from integration.planted_models import (
    QUICK_HZ,
    SLOW_HZ,
    mixed,
    running,
    server_of_planted_models,
    voice,
)

BORDER_S = 0.1  # a window of the SAD, or the time a fade takes

# Recordings longer than a chunk, so that either speaker is a chunk's first; (begin, end, speaker).
PASSING_ON = [(0, 6, SLOW_HZ), (4, 12, QUICK_HZ), (13, 20, SLOW_HZ), (18, 26, QUICK_HZ)]
INTERRUPTED = [(0, 8, SLOW_HZ), (3, 5, QUICK_HZ), (9, 12, QUICK_HZ)]
AT_ONCE = [(0, 4, SLOW_HZ), (5, 9, QUICK_HZ), (10, 14, SLOW_HZ), (10, 14, QUICK_HZ)]
OVERLAPPING = pytest.mark.parametrize(
    ("turns", "n_seconds"),
    [(PASSING_ON, 26), (INTERRUPTED, 12), (AT_ONCE, 15)],
    ids=["passing on", "interrupted", "at once"],
)


@pytest.fixture
def run():
    with running(server_of_planted_models()) as model:
        yield model


def found_turns(run, wave, **parameters):
    """Begin s, end s and label of every turn of the RTTM, sorted; shape=(n, 3)."""
    outputs = run.outputs(run.request(wave, parameters))
    rows = [line.split() for line in outputs["RTTM"].item().decode().splitlines()]
    turns = [(float(r[3]), float(r[3]) + float(r[4]), int(r[7][-2:])) for r in rows]
    assert np.allclose(outputs["LABELS"][0], turns, atol=2e-3)
    return np.array(turns)


def assert_planted(found, turns, within_s=BORDER_S):
    """Assert that the turns are found, with number 0 for the slow speaker, who talks first."""
    planted = np.array([(begin, end, int(who == QUICK_HZ)) for begin, end, who in turns])
    assert found.shape == planted.shape
    found, planted = (
        rows[np.lexsort((rows[:, 2], np.round(rows[:, 0])))] for rows in (found, planted)
    )
    assert np.allclose(found, planted, rtol=0, atol=within_s)


@OVERLAPPING
def test_overlapping_speakers_both_have_a_turn(run, turns, n_seconds):
    found = found_turns(run, mixed(n_seconds, *turns))
    assert_planted(found, turns)


def test_speaker_changes_are_located_more_precisely_than_by_windows(run):
    """Windows alone would place the borders on their grid, 0.1 s later."""
    borders = [0, 5.15, 15.15, 25.15, 30]
    speakers = [SLOW_HZ, QUICK_HZ, SLOW_HZ, QUICK_HZ]
    turns = [*zip(borders[:-1], borders[1:], speakers, strict=True)]
    assert_planted(found_turns(run, mixed(30, *turns)), turns, within_s=0.04)


@OVERLAPPING
def test_in_the_classic_mode_no_turns_overlap(run, turns, n_seconds):
    found = found_turns(run, mixed(n_seconds, *turns), mode="classic")
    assert set(found[:, 2]) == {0, 1}
    assert (found[1:, 0] >= found[:-1, 1]).all()


def test_a_single_requested_speaker_never_overlaps(run):
    found = found_turns(run, mixed(26, *PASSING_ON), num_speakers=1)
    assert np.allclose(found, [[0, 12, 0], [13, 26, 0]], rtol=0, atol=BORDER_S)


@pytest.mark.parametrize("mode", ["full", "classic"])
def test_a_turn_across_blocks_is_one_turn(mode):
    with running(server_of_planted_models(), sad__block_s="16", sad__cut_search_s="4") as run:
        found = found_turns(run, voice(50, SLOW_HZ), mode=mode)
    assert found.tolist() == [[0, 50, 0]]


def test_overlap_is_found_in_every_block():
    turns = [(16 * n + begin, 16 * n + end, who) for n in range(3) for begin, end, who in AT_ONCE]
    with running(server_of_planted_models(), sad__block_s="16", sad__cut_search_s="4") as run:
        found = found_turns(run, mixed(48, *turns))
    assert_planted(found, turns)


@pytest.mark.parametrize("hop_s", ["0.625", "5", "9.9"])
def test_any_hop_of_chunks_finds_the_same_turns(hop_s):
    with running(server_of_planted_models(), frames__chunk_hop_s=hop_s) as run:
        assert_planted(found_turns(run, mixed(26, *PASSING_ON)), PASSING_ON)

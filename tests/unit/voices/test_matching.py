"""Matching speakers with voices, one to one; against brute force and scipy."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from scoring.assignment import best_pairs
from unit.planted_voices import direction, voice
from unit.seeded import seeded
from voices.matching import match_voices, name_cosines

ANA, BEN = voice("Ana", [1, 0, 0]), voice("Ben", [0, 1, 0])


def gains(most_rows=7, most_columns=7):
    """Tables with many equal values, zeros and negative ones."""
    shapes = st.tuples(st.integers(0, most_rows), st.integers(0, most_columns))
    values = st.one_of(st.integers(-3, 3).map(float), st.floats(-1, 1))
    return shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=values))


def total(table, pairs):
    return sum(table[pair] for pair in pairs)


@seeded(100)
@given(gains())
def test_pairs_are_one_to_one_and_as_good_as_scipys(table):
    pairs = best_pairs(table)

    rows, columns = zip(*pairs, strict=True) if pairs else ((), ())
    assert len(set(rows)) == len(set(columns)) == len(pairs)
    assert all(table[pair] > 0 for pair in pairs)
    positive = np.maximum(table, 0)
    assert total(table, pairs) == pytest.approx(positive[linear_sum_assignment(-positive)].sum())


@seeded(100)
@given(gains(4, 4))
def test_no_other_pairs_are_better(table):
    n_rows, n_columns = table.shape
    columns = [*range(n_columns), *[None] * n_rows]
    best = max(
        sum(table[row, column] for row, column in enumerate(chosen) if column is not None)
        for chosen in itertools.permutations(columns, n_rows)
    )

    assert total(table, best_pairs(table)) == pytest.approx(best)


def test_a_hundred_speakers_and_a_thousand_names():
    table = np.random.default_rng(0).random((100, 1000))

    assert total(table, best_pairs(table)) == pytest.approx(
        table[linear_sum_assignment(-table)].sum()
    )


def test_speakers_get_their_names_and_unknown_ones_none():
    centroids = np.stack([direction(0, 0, 1), direction(1, 9, 0), direction(9, 0, 1)])

    found = match_voices(centroids, [ANA, BEN], 0.5)

    assert {row: match.name for row, match in found.items()} == {1: "Ben", 2: "Ana"}
    assert found[2].cosine == pytest.approx(9 / np.sqrt(82))


def test_no_two_speakers_get_one_name():
    centroids = np.stack([direction(9, 1, 1), direction(9, 0, 1)])  # both like Ana, the second more

    found = match_voices(centroids, [ANA, BEN], 0.5)

    assert {row: match.name for row, match in found.items()} == {1: "Ana"}


def test_a_clear_match_is_not_moved_to_make_room():
    # The first is Ana (0.9) and just like Ben (0.43); the second like Ana alone (0.8).
    centroids = np.stack([direction(0.9, 0.436, 0), direction(0.8, 0, 0.6)])

    found = match_voices(centroids, [ANA, BEN], 0.42)

    assert {row: match.name for row, match in found.items()} == {0: "Ana"}


def test_similar_people_are_separated_by_the_best_assignment():
    cara, dora = voice("Cara", [10, 3, 0]), voice("Dora", [10, -3, 0])
    centroids = np.stack([direction(10, 2, 0), direction(10, 3, 0)])  # both are more like Cara

    found = match_voices(centroids, [cara, dora], 0.5)

    assert {row: match.name for row, match in found.items()} == {0: "Dora", 1: "Cara"}


def test_a_cosine_at_the_threshold_counts_and_one_below_does_not():
    centroids = np.array([[0.5, 0, np.sqrt(0.75)]], np.float32)

    assert match_voices(centroids, [ANA], 0.5)[0].name == "Ana"
    assert match_voices(centroids, [ANA], 0.5 + 1e-6) == {}


def test_of_several_recordings_the_mean_counts():
    also_ana = voice("Ana", [0, 0, 1], file="2.wav")

    found = match_voices(np.stack([direction(1, 0, 1), ANA.centroid]), [ANA, BEN, also_ana], 0.9)

    assert found == {0: ("Ana", pytest.approx(1.0))}
    assert name_cosines(ANA.centroid[None], [ANA, also_ana])[0, 0] == pytest.approx(np.sqrt(0.5))


def test_without_voices_or_speakers_nothing_matches():
    assert match_voices(np.stack([direction(1, 0)]), [], 0.5) == {}
    assert match_voices(np.empty((0, 3), np.float32), [ANA], 0.5) == {}

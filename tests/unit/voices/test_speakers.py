"""Which row of EMBEDDINGS is whose, and RTTM with other names."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.result import FormatError
from formats.rttm import turns_in_rttm
from unit.planted_voices import answer
from unit.seeded import seeded
from voices.speakers import read_speakers, rename_speakers
from voices.voice import VoicesError

X, Y = np.eye(2)


def test_rows_are_found_by_labels_not_by_names():
    heard = answer("a", [2 * X, 3 * Y], ["CH2_SPEAKER_00", "CH1_SPEAKER_00"])
    crossed = replace(heard, labels=[1, 0])

    speakers = read_speakers(crossed)

    assert speakers.names == ["CH2_SPEAKER_00", "CH1_SPEAKER_00"]
    np.testing.assert_array_equal(speakers.centroids, [Y, X])
    assert speakers.kind == "'campplus' (2 numbers)"


def test_speakers_are_in_order_of_appearance_with_many_turns():
    heard = answer("a", [X, Y], ["B", "A"])
    twice = replace(heard, rttm=heard.rttm * 2, labels=[0, 1, 0, 1])

    assert read_speakers(twice).names == ["B", "A"]


def test_no_speech_gives_no_speakers():
    assert read_speakers(answer("a", [])).names == []
    assert rename_speakers(answer("a", []), {"SPEAKER_00": "Ana"}).rttm == b""


@pytest.mark.parametrize("network", [None, 7])
def test_an_unknown_network_is_refused_even_without_speech(network):
    with pytest.raises(VoicesError, match=f"has speaker_network {network}, expected the name"):
        read_speakers(answer("a", [], speaker_network=network))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": None}, "LABELS has none rows, expected 2"),
        ({"labels": [0]}, "LABELS has 1 rows, expected 2"),
        ({"labels": [0, 2]}, "EMBEDDINGS has 2 rows, expected 3"),
        ({"labels": [1, 1]}, "name its speakers differently"),
        ({"embeddings": None}, "holds no EMBEDDINGS"),
        ({"embeddings": np.ones(2, np.float32)}, "holds no EMBEDDINGS"),
        ({"embeddings": np.full((2, 2), np.nan, np.float32)}, "zero or not finite"),
        ({"rttm": b"no turn\nno turn\n"}, "RTTM holds 'no turn', expected a turn"),
    ],
)
def test_contradictions_are_refused(change, words):
    with pytest.raises(FormatError, match=words):
        read_speakers(replace(answer("a", [X, Y]), **change))


def test_one_name_with_two_labels_is_a_contradiction():
    with pytest.raises(FormatError, match="name its speakers differently"):
        read_speakers(answer("a", [X, Y], ["SPEAKER_00", "SPEAKER_00"]))


@seeded()
@given(st.lists(st.sampled_from("ABC"), min_size=1, max_size=8))
def test_only_names_change_and_only_those_given(names):
    heard = answer("é", [X] * len(names), names)
    other = {"A": "Ána", "B": "A"}  # also a name that another speaker had

    before = turns_in_rttm(heard.rttm.decode())
    after = turns_in_rttm(rename_speakers(heard, other).rttm.decode())

    assert [turn.speaker for turn in after] == [other.get(name, name) for name in names]
    assert [replace(turn, speaker="") for turn in after] == [
        replace(turn, speaker="") for turn in before
    ]
    assert rename_speakers(heard, {}).rttm == heard.rttm

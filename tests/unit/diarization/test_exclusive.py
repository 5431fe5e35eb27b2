"""The full pipeline where at most one speaker may talk at a time."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.options import Options, SpeakerBounds
from unit.planted_recordings import ANY, SMALL_BLOCKS, found_in, furthest_s, recording, turn_rows
from unit.seeded import seeded

TALK = [(0, 1.0, 6.0), (1, 5.0, 9.0), (0, 10.0, 14.0), (1, 13.0, 18.0), (0, 19.0, 23.0)]


def full(audio, speakers=ANY, options=SMALL_BLOCKS, *, exclusive=True):
    return found_in(audio, options, "full", speakers, exclusive=exclusive)


def exactly(n_speakers):
    return SpeakerBounds(n_speakers, n_speakers)


def overlapping(found):
    """Pairs of turns in order of begin of which the second begins before the first ends."""
    return [(a, b) for a, b in pairwise(found.turns) if b.start_s < a.end_s]


def spoken(found):
    """Begins and ends of speech of any speaker, in order."""
    edges = []
    for turn in found.turns:
        if edges and turn.start_s <= edges[-1]:
            edges[-1] = max(edges[-1], turn.end_s)
        else:
            edges += [turn.start_s, turn.end_s]
    return edges


@pytest.mark.parametrize("options", [Options(), SMALL_BLOCKS])
def test_turns_overlap_unless_they_are_exclusive(options):
    audio = recording(TALK, 24)

    assert len(overlapping(full(audio, options=options, exclusive=False))) == 2
    assert overlapping(full(audio, options=options)) == []


@pytest.mark.parametrize("options", [Options(), SMALL_BLOCKS])
def test_the_speaker_changes_in_the_middle_of_overlap(options):
    found = turn_rows(full(recording(TALK, 24), options=options))
    clear_of_overlap = [(0, 1, 5.5), (1, 5.5, 9), (0, 10, 13.5), (1, 13.5, 18), (0, 19, 23)]

    assert furthest_s(found, clear_of_overlap) <= 0.55
    assert found[0][2] == found[1][1], "no pause where they overlap"
    assert found[2][2] == found[3][1]


def test_without_overlap_nothing_changes():
    talk = [(0, 1.0, 3.8), (1, 4.9, 7.2), (0, 8.3, 12.0)]
    audio = recording(talk, 13)

    assert full(audio) == full(audio, exclusive=False)


@pytest.mark.parametrize("options", [Options(), SMALL_BLOCKS])
@pytest.mark.parametrize("num_speakers", [1, 2, 3, 5, 8])
def test_num_speakers_is_met_exactly_and_turns_do_not_overlap(num_speakers, options):
    found = full(recording(TALK, 24), exactly(num_speakers), options)

    assert found.n_speakers == num_speakers
    assert {turn.label for turn in found.turns} == set(range(num_speakers))
    assert overlapping(found) == []


@pytest.mark.parametrize("num_speakers", [1, 2, 3])
def test_num_speakers_is_met_exactly_in_a_monologue(num_speakers):
    found = full(recording([(0, 1, 19)], 20), exactly(num_speakers))

    assert found.n_speakers == num_speakers
    assert overlapping(found) == []


@pytest.mark.parametrize("options", [Options()])
def test_many_requested_speakers_in_a_monologue_all_have_a_turn(options):
    assert full(recording([(0, 1, 19)], 20), exactly(12), options).n_speakers == 12


stretches_of_talk = st.lists(
    st.tuples(st.integers(0, 2), st.floats(0, 18), st.floats(0.02, 9)), max_size=6
)


@seeded(40)
@given(stretches_of_talk, st.integers(1, 320_000), st.integers(1, 4), st.integers(0, 3))
def test_turns_never_overlap_and_bounds_hold(talk, n_samples, minimum, more):
    audio = recording([(who, begin, begin + length) for who, begin, length in talk], 20)[:n_samples]
    speakers = SpeakerBounds(minimum, minimum + more)
    found, free = (full(audio, speakers, exclusive=exclusive) for exclusive in (True, False))

    assert overlapping(found) == []
    assert all(turn.start_s < turn.end_s for turn in found.turns)
    assert min(minimum, free.n_speakers) <= found.n_speakers <= speakers.maximum
    assert list(dict.fromkeys(turn.label for turn in found.turns)) == list(range(found.n_speakers))
    assert (found.turns == []) == (free.turns == [])


@seeded(40)
@given(stretches_of_talk)
def test_exclusive_turns_cover_the_same_speech(talk):
    audio = recording([(who, begin, begin + length) for who, begin, length in talk], 20)
    found, free = (full(audio, exclusive=exclusive) for exclusive in (True, False))

    assert sum(turn.end_s - turn.start_s for turn in found.turns) == pytest.approx(
        sum(b - a for a, b in zip(spoken(found)[::2], spoken(found)[1::2], strict=True))
    )
    assert spoken(found) == pytest.approx(spoken(free))

"""Which channels are read, and how their results become one answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.channels import MIX, Selection, joined, mono_of, selections
from diarization.errors import InvalidAudioError, OverLimitError
from diarization.turns import NO_SPEECH, Diarization, Turn, diarization_of
from unit.seeded import seeded

STEREO = np.array([[0.5, -1.0, 0.25], [0.25, 0.0, 0.75]], np.float32)


def heard(*rows, dim=2, n_windows=0, unlike_share=0.0):
    """The result of one channel: rows are (begin, end, label); speaker k's voice is all k + 1."""
    turns = [Turn(float(begin), float(end), label) for begin, end, label in rows]
    centroids = np.repeat(np.arange(1, 10, dtype=np.float32)[:, None], dim, axis=1)
    return diarization_of(turns, centroids, n_windows, unlike_share)


@pytest.mark.parametrize("n_channels", [0, 1, 2, 3])
@pytest.mark.parametrize(("choice", "selection"), [("mix", MIX), ("first", Selection(0))])
def test_one_pass_is_enough_for_one_signal(choice, selection, n_channels):
    assert selections(choice, n_channels) == [selection]


@pytest.mark.parametrize("n_channels", [1, 2, 3, 64])
def test_separate_channels_take_one_pass_each(n_channels):
    assert selections("separate", n_channels) == [
        Selection(channel, n_channels) for channel in range(n_channels)
    ]


def test_audio_without_channels_is_read_once_so_that_it_can_be_refused():
    assert selections("separate", 0) == [Selection(0)]


def test_more_channels_than_passes_are_refused_and_may_be_mixed():
    assert selections("mix", 1024) == [MIX]
    with pytest.raises(OverLimitError) as refusal:
        selections("separate", 65)
    assert str(refusal.value) == (
        "parameter 'channels': got 'separate' for audio of 65 channels, expected at most 64"
    )


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (MIX, [0.375, -0.5, 0.5]),
        (Selection(0), [0.5, -1.0, 0.25]),
        (Selection(1, 2), [0.25, 0, 0.75]),
    ],
)
def test_a_selection_is_the_mean_or_one_channel(selection, expected):
    for channels, axis in ((STEREO, 0), (STEREO.T, 1)):
        mono = mono_of(channels, axis, selection)
        assert mono.tolist() == expected
        assert mono.dtype == np.float32
        assert mono.flags.c_contiguous
        assert not np.shares_memory(mono, channels)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_only_selected_channels_are_checked(value):
    broken = STEREO.copy()
    broken[1, 1] = value
    assert mono_of(broken, 0, Selection(0)).tolist() == STEREO[0].tolist()
    for selection in (MIX, Selection(1)):
        with pytest.raises(InvalidAudioError, match="audio: got"):
            mono_of(broken, 0, selection)


def test_turns_of_all_channels_are_sorted_and_named_by_channel():
    found = joined([heard((0, 2, 0), (5, 6, 1)), heard((1, 3, 0), (3, 4, 1), (6, 7, 0))])

    assert [(turn.start_s, turn.channel, turn.speaker) for turn in found.turns] == [
        (0, 1, "CH1_SPEAKER_00"),
        (1, 2, "CH2_SPEAKER_00"),
        (3, 2, "CH2_SPEAKER_01"),
        (5, 1, "CH1_SPEAKER_01"),
        (6, 2, "CH2_SPEAKER_00"),
    ]


def test_labels_count_all_speakers_by_first_appearance_and_name_their_embeddings():
    left = heard((2, 3, 0), (4, 5, 1), n_windows=4)
    right = Diarization([Turn(0, 1, 0), Turn(3, 4, 1)], np.array([[7, 7], [8, 8]], np.float32), 5)

    found = joined([left, right])

    assert [turn.label for turn in found.turns] == [0, 1, 2, 3]
    assert found.embeddings.tolist() == [[7, 7], [1, 1], [8, 8], [2, 2]]
    assert (found.n_speakers, found.n_windows) == (4, 9)


def test_of_turns_that_begin_together_the_shorter_comes_first_then_the_lower_channel():
    found = joined([heard((1, 4, 0)), heard((1, 3, 0)), heard((1, 4, 0))])

    assert [turn.channel for turn in found.turns] == [2, 1, 3]


def test_confidences_stay_with_their_turns():
    left, right = (
        Diarization([Turn(begin, 9, 0, sure)], np.ones((1, 2), np.float32), 1)
        for begin, sure in ((3.0, 0.25), (1.0, 0.75))
    )

    assert [turn.confidence for turn in joined([left, right]).turns] == [0.75, 0.25]


def test_a_silent_channel_has_no_turns_and_its_neighbours_keep_their_numbers():
    found = joined([NO_SPEECH, heard((0, 1, 0)), NO_SPEECH])

    assert [turn.speaker for turn in found.turns] == ["CH2_SPEAKER_00"]
    assert found.embeddings.shape == (1, 2)


@pytest.mark.parametrize("n_channels", [1, 2])
def test_silent_channels_give_no_speakers(n_channels):
    assert joined([NO_SPEECH] * n_channels) == NO_SPEECH
    assert joined([NO_SPEECH] * n_channels).embeddings.shape == (0, 0)


def test_the_only_channel_is_named_too():
    assert [turn.speaker for turn in joined([heard((0, 1, 0))]).turns] == ["CH1_SPEAKER_00"]


@st.composite
def channels(draw):
    """Results of up to three channels, times with many ties; a speaker's voice is unique."""
    found = []
    for channel in range(draw(st.integers(1, 3))):
        spans = st.tuples(st.integers(0, 4), st.integers(1, 4), st.integers(0, 2))
        rows = sorted((begin, begin + length, who) for begin, length, who in draw(st.lists(spans)))
        turns = [Turn(float(begin), float(end), who) for begin, end, who in rows]
        voices = np.array([[channel, who] for who in range(3)], np.float32)
        found.append(diarization_of(turns, voices, len(rows), 0.0))
    return found


@seeded(200)
@given(channels())
def test_joined_channels_have_every_turn_once_in_order(each):
    found = joined(each)

    times = [(turn.start_s, turn.end_s, turn.channel) for turn in found.turns]
    assert times == sorted(times)
    order = list(dict.fromkeys(turn.label for turn in found.turns))
    assert order == list(range(found.n_speakers))
    names = {turn.label: turn.speaker for turn in found.turns}
    assert len(set(names.values())) == len(names)
    for channel, alone in enumerate(each, start=1):
        own = [turn for turn in found.turns if turn.channel == channel]
        assert [(turn.start_s, turn.end_s) for turn in own] == [
            (turn.start_s, turn.end_s) for turn in alone.turns
        ]
        assert [turn.speaker for turn in own] == [
            f"CH{channel}_SPEAKER_{turn.label:02d}" for turn in alone.turns
        ]
        for one, before in zip(own, alone.turns, strict=True):
            assert (found.embeddings[one.label] == alone.embeddings[before.label]).all()


def test_the_largest_unlike_share_is_kept():
    sure, doubtful = heard((0, 1, 0), unlike_share=0.01), heard((0, 1, 0), unlike_share=0.02)

    assert not joined([sure, sure]).more_speakers_likely
    assert joined([sure, doubtful]).more_speakers_likely
    assert joined([doubtful, sure]).unlike_share == 0.02

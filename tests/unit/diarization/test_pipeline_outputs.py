"""What comes with the turns in either mode: labels, embeddings, confidence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.clustering import unit_length
from diarization.options import Options, SpeakerBounds
from unit.planted_recordings import SMALL_BLOCKS, FakeNetworks, found_in, recording, turn_rows
from unit.seeded import seeded

ORDER = [2, 0, 2, 1, 0]  # planted speakers in order of their turns
TALK = [(who, 4 * at + 0.5, 4 * at + 3.5) for at, who in enumerate(ORDER)]
MODES = ["classic", "full"]


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


@pytest.mark.parametrize("options", [Options(), SMALL_BLOCKS])
def test_speakers_are_numbered_by_first_appearance(mode, options):
    found = found_in(recording(TALK, 21), options, mode)

    assert [label for label, *_ in turn_rows(found)] == [0, 1, 0, 2, 1]


@pytest.mark.parametrize("options", [Options(), SMALL_BLOCKS])
@pytest.mark.parametrize("dim", [192, 256])
def test_a_speakers_embedding_is_the_direction_of_the_voice(mode, options, dim):
    models = FakeNetworks(dim)
    found = found_in(recording(TALK, 21), options, mode, models=models)
    likeness = found.embeddings @ unit_length(models.directions).T

    assert found.embeddings.shape == (3, dim)
    assert found.embeddings.dtype == np.float32
    assert np.linalg.norm(found.embeddings, axis=1) == pytest.approx(np.ones(3))
    assert likeness.argmax(axis=1).tolist() == [2, 0, 1]
    assert likeness.max(axis=1) == pytest.approx(np.ones(3), abs=0.03)


@pytest.mark.parametrize("num_speakers", [1, 2, 3, 5])
@pytest.mark.parametrize("exclusive", [True, False])
def test_there_is_an_embedding_for_each_speaker(mode, num_speakers, exclusive):
    speakers = SpeakerBounds(num_speakers, num_speakers)
    found = found_in(recording(TALK, 21), Options(), mode, speakers, exclusive=exclusive)

    assert found.embeddings.shape == (num_speakers, 192)
    assert np.linalg.norm(found.embeddings, axis=1) == pytest.approx(np.ones(num_speakers))
    assert {turn.label for turn in found.turns} == set(range(num_speakers))


def test_silence_has_no_embeddings(mode):
    found = found_in(recording([], 5), Options(), mode)

    assert found.embeddings.shape == (0, 0)
    assert found.embeddings.dtype == np.float32


def test_turns_of_clear_voices_have_high_confidence(mode):
    found = found_in(recording(TALK, 21), Options(), mode)

    assert len(found.turns) == len(TALK)
    assert all(0.95 < turn.confidence <= 1 for turn in found.turns)


def test_the_only_voice_has_confidence_1_in_the_classic_mode():
    (turn,) = found_in(recording([(1, 1, 9)], 10), Options(), "classic").turns

    assert turn.confidence == 1.0


def test_a_turn_between_two_voices_has_lower_confidence(mode):
    class Hoarse(FakeNetworks):
        """The last speaker sounds much like the first, a little like the second."""

        def __init__(self):
            super().__init__()
            first, second, _ = self.directions
            self.directions[2] = 0.6 * first + 0.5 * second

    talk = [(0, 0.5, 5.5), (1, 6.5, 11.5), (0, 12.5, 17.5), (2, 18.5, 20.0)]
    two = SpeakerBounds(2, 2)
    *clear, between = found_in(recording(talk, 21), Options(), mode, two, Hoarse()).turns

    assert [turn.label for turn in clear] == [0, 1, 0]
    assert 0.3 < between.confidence < 0.9 < min(turn.confidence for turn in clear)


def test_two_at_once_share_the_confidence_of_one_alone_in_the_full_mode():
    talk = [(0, 0.5, 10.5), (1, 11.5, 21.5), (0, 22.5, 24.5), (1, 22.5, 24.5)]
    alone, other, *both = found_in(recording(talk, 25), Options(), "full").turns

    assert min(alone.confidence, other.confidence) > 0.95
    # a chunk hears both for sure, windows give them shares of one, and weigh twice as much
    assert sum(turn.confidence for turn in both) == pytest.approx((2 + 2 * 1) / 3, abs=0.05)


stretches_of_talk = st.lists(
    st.tuples(st.integers(0, 2), st.floats(0, 18), st.floats(0.02, 9)), max_size=6
)


@seeded(30)
@given(stretches_of_talk, st.sampled_from(MODES), st.booleans())
def test_confidence_is_a_share_and_embeddings_have_length_one(talk, mode, exclusive):
    audio = recording([(who, begin, begin + length) for who, begin, length in talk], 20)
    found = found_in(audio, SMALL_BLOCKS, mode, exclusive=exclusive)

    assert all(0 <= turn.confidence <= 1 + 1e-6 for turn in found.turns)
    assert found.embeddings.shape == (found.n_speakers, 192 if found.turns else 0)
    lengths = np.linalg.norm(found.embeddings, axis=1)
    assert lengths == pytest.approx(np.ones(found.n_speakers))


@pytest.mark.parametrize("exclusive", [True, False])
def test_confidence_is_at_most_1_where_two_voices_are_one_speaker(exclusive):
    audio = recording([(0, 1, 10), (1, 1, 10)], 11)
    found = found_in(audio, Options(), "full", SpeakerBounds(1, 1), exclusive=exclusive)

    assert len(found.turns) == 1
    assert 0 < found.turns[0].confidence <= 1

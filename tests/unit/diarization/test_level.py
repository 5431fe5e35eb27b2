"""One level for the detector of speech, on magnitudes that can be ranked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization import sad as level
from diarization.options import Options
from diarization.sad import at_one_level, loudness
from unit.planted_recordings import PlantedNetworks, found_in, furthest_s, recording, turn_rows
from unit.seeded import seeded

TALK = [(0, 1.0, 3.8), (1, 4.9, 7.2), (0, 8.3, 12.0), (1, 13.1, 13.9), (1, 15.0, 19.5)]


def leveled(samples):
    """The samples as the detector hears them when nothing came before."""
    return level.leveled(samples, loudness(samples))


def stretch(rest, *others):
    """1001 samples: the 99.9th percentile of their magnitudes is the second greatest."""
    samples = np.full(1001, rest, np.float32)
    samples[100 : 100 + len(others)] = others
    return samples


def voice(seed=0, peak=0.5):
    return peak * np.random.default_rng(seed).uniform(-1, 1, 5_000).astype(np.float32)


@pytest.mark.parametrize("loud", [0.003, 0.1, 0.3, 0.9, 30.0])
def test_loud_samples_come_out_at_the_same_magnitude(loud):
    samples = stretch(loud) * np.where(np.arange(1001) % 2, 1, -1).astype(np.float32)
    found = leveled(samples)

    assert found == pytest.approx(np.sign(samples) * 0.3, rel=1e-6)
    assert found.dtype == np.float32


def test_faint_samples_keep_their_share_of_the_loud_ones():
    assert leveled(stretch(0.1, 0.05, -0.01, 0.0))[99:104] == pytest.approx(
        [0.3, 0.15, -0.03, 0.0, 0.3]
    )


@pytest.mark.parametrize("gain", [0.1, 0.01, 3.0])
def test_a_recording_20_or_40_db_fainter_is_heard_the_same(gain):
    assert leveled(voice() * np.float32(gain)) == pytest.approx(leveled(voice()), rel=1e-5)


@seeded()
@given(st.integers(-6, 6), st.integers(0, 99))
def test_half_as_loud_is_heard_the_same_to_the_bit(halvings, seed):
    fainter = voice(seed) * np.float32(2.0**-halvings)

    assert leveled(fainter).tobytes() == leveled(voice(seed)).tobytes()


@pytest.mark.parametrize(("loud", "heard"), [(0.003, 0.3), (0.0015, 0.15), (1e-6, 1e-4)])
def test_nothing_is_amplified_more_than_a_hundredfold(loud, heard):
    assert leveled(stretch(loud)) == pytest.approx(stretch(heard), rel=1e-5)


def test_silence_stays_silence():
    assert leveled(stretch(0.0)).tolist() == [0.0] * 1001


def test_no_samples_are_no_samples():
    found = leveled(np.empty(0, np.float32))

    assert (found.shape, found.dtype) == ((0,), np.float32)


def test_one_sample_decides_for_itself():
    assert leveled(np.array([-0.1], np.float32)) == pytest.approx([-0.3])


def test_a_single_click_does_not_decide():
    assert leveled(stretch(0.1, 1.0))[99:102] == pytest.approx([0.3, 3.0, 0.3])
    assert leveled(stretch(0.1, 1.0, -1.0))[99:103] == pytest.approx([0.03, 0.3, -0.3, 0.03])


def test_speech_decides_even_if_it_is_a_hundredth_of_the_stretch():
    found = leveled(stretch(0.001, *[0.1] * 10))

    assert found[99:111] == pytest.approx([0.003, *[0.3] * 10, 0.003])


def test_the_samples_are_left_as_they_were():
    samples = voice()
    before = samples.copy()
    leveled(samples)

    assert samples.tobytes() == before.tobytes()


def test_the_detector_hears_every_stretch_at_the_level_of_the_loudest_so_far():
    heard = []

    def detect(samples, state):
        heard.append((samples, state))
        return np.full(2, 0.7, np.float32), np.full(1, len(heard), np.float32)

    listen = at_one_level(detect)
    probs, state = listen(stretch(0.1), None)
    again, last = listen(stretch(0.01), state)
    assert [samples.tobytes() for samples, _ in heard] == [
        leveled(stretch(0.1)).tobytes(),
        level.leveled(stretch(0.01), 0.1).tobytes(),
    ]
    assert heard[0][1] is None
    assert heard[1][1] is state
    assert (probs.tolist(), again.tolist()) == ([pytest.approx(0.7)] * 2,) * 2
    assert last.tolist() == [2]


@pytest.mark.parametrize("mode", ["classic", "full"])
@pytest.mark.parametrize("gain", [0.1, 0.01])
def test_a_faint_recording_has_the_turns_of_a_loud_one(mode, gain):
    audio = recording(TALK, 21)
    faint = audio * np.float32(gain)
    found = found_in(faint, Options(), mode, models=PlantedNetworks(gain=gain))

    assert furthest_s(turn_rows(found), TALK) < 0.12  # a frame of SAD and the padding
    assert turn_rows(found) == turn_rows(found_in(audio, Options(), mode))

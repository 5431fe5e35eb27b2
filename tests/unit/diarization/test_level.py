"""One level for the detector of speech, on magnitudes that can be ranked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization import sad
from diarization.options import Options, SadOptions
from diarization.sad import FRAME_SAMPLES, leveled_blocks, loudness
from unit.planted_recordings import (
    PlantedNetworks,
    found_in,
    furthest_s,
    in_stretches,
    recording,
    turn_rows,
)
from unit.seeded import seeded

MINUTE = 60 * 16_000 // FRAME_SAMPLES * FRAME_SAMPLES
TALK = [(0, 1.0, 3.8), (1, 4.9, 7.2), (0, 8.3, 12.0), (1, 13.1, 13.9), (1, 15.0, 19.5)]


def leveled(samples):
    """The samples as the detector hears them in a recording of nothing else."""
    return sad.leveled(samples, loudness([samples]))


def stretch(rest, *others):
    """1001 samples: the 99.9th percentile of their magnitudes is the second greatest."""
    samples = np.full(1001, rest, np.float32)
    samples[100 : 100 + len(others)] = others
    return samples


def voice(seed=0, peak=0.5, n=5_000):
    return peak * np.random.default_rng(seed).uniform(-1, 1, n).astype(np.float32)


@pytest.mark.parametrize("loud", [0.003, 0.1, 0.3, 0.9, 30.0])
def test_loud_samples_come_out_at_the_same_magnitude(loud):
    samples = stretch(loud) * np.where(np.arange(1001) % 2, 1, -1).astype(np.float32)
    found = leveled(samples)

    assert found == pytest.approx(np.sign(samples) * 0.3, rel=3e-4)
    assert found.dtype == np.float32


def test_faint_samples_keep_their_share_of_the_loud_ones():
    assert leveled(stretch(0.1, 0.05, -0.01, 0.0))[99:104] == pytest.approx(
        [0.3, 0.15, -0.03, 0.0, 0.3], rel=3e-4
    )


@pytest.mark.parametrize("gain", [0.1, 0.01, 3.0])
def test_a_recording_20_or_40_db_fainter_is_heard_the_same(gain):
    assert leveled(voice() * np.float32(gain)) == pytest.approx(leveled(voice()), rel=6e-4)


@seeded()
@given(st.integers(-6, 6), st.integers(0, 99))
def test_half_as_loud_is_heard_the_same_to_the_bit(halvings, seed):
    fainter = voice(seed) * np.float32(2.0**-halvings)

    assert leveled(fainter).tobytes() == leveled(voice(seed)).tobytes()


@pytest.mark.parametrize(("loud", "heard"), [(0.003, 0.3), (0.0015, 0.15), (1e-6, 1e-4)])
def test_nothing_is_amplified_more_than_a_hundredfold(loud, heard):
    assert leveled(stretch(loud)) == pytest.approx(stretch(heard), rel=3e-4)


def test_silence_stays_silence():
    assert leveled(stretch(0.0)).tolist() == [0.0] * 1001


def test_no_samples_are_no_samples():
    found = leveled(np.empty(0, np.float32))

    assert (found.shape, found.dtype) == ((0,), np.float32)


def test_one_sample_decides_for_itself():
    assert leveled(np.array([-0.1], np.float32)) == pytest.approx([-0.3], rel=3e-4)


def test_a_single_click_does_not_decide():
    assert leveled(stretch(0.1, 1.0))[99:102] == pytest.approx([0.3, 3.0, 0.3], rel=3e-4)
    assert leveled(stretch(0.1, 1.0, -1.0))[99:103] == pytest.approx(
        [0.03, 0.3, -0.3, 0.03], rel=3e-4
    )


def test_speech_decides_even_if_it_is_a_hundredth_of_the_stretch():
    found = leveled(stretch(0.001, *[0.1] * 10))

    assert found[99:111] == pytest.approx([0.003, *[0.3] * 10, 0.003], rel=3e-4)


def test_the_samples_are_left_as_they_were():
    samples = voice()
    before = samples.copy()
    leveled(samples)

    assert samples.tobytes() == before.tobytes()


class Detector:
    """Hears the magnitude of each frame as the probability of speech; keeps what it was sent."""

    def __init__(self):
        self.heard = np.empty(0, np.float32)

    def __call__(self, samples, state):
        self.heard = np.append(self.heard, samples)
        return np.abs(samples.reshape(-1, FRAME_SAMPLES)).mean(axis=1), state


def quiet_then_loud():
    """Three minutes: noise 40 dB below the voice that follows after two of them."""
    loud = voice(n=3 * MINUTE)
    loud[: 2 * MINUTE] *= np.float32(0.01)
    return loud


@pytest.mark.parametrize("block_s", [20.48, 61.44, 122.88])
@pytest.mark.parametrize("length", [10_000, MINUTE, 3 * MINUTE])
def test_the_level_of_the_whole_recording_holds_from_its_start(block_s, length):
    audio, detector = quiet_then_loud(), Detector()
    options = SadOptions(block_s=block_s, cut_search_s=10)
    blocks = list(leveled_blocks(lambda: in_stretches(audio, length), detector, options))

    assert detector.heard.tobytes() == leveled(audio).tobytes()
    assert np.concatenate([block.samples for block in blocks]).tobytes() == audio.tobytes()
    assert np.concatenate([block.probs for block in blocks])[: 2 * MINUTE // 512].max() < 0.01


@pytest.mark.parametrize("mode", ["classic", "full"])
@pytest.mark.parametrize("gain", [0.1, 0.01])
def test_a_faint_recording_has_the_turns_of_a_loud_one(mode, gain):
    audio = recording(TALK, 21)
    faint = audio * np.float32(gain)
    found = found_in(faint, Options(), mode, models=PlantedNetworks(gain=gain))

    assert furthest_s(turn_rows(found), TALK) < 0.12  # a frame of SAD and the padding
    assert turn_rows(found) == turn_rows(found_in(audio, Options(), mode))

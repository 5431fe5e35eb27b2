"""Features against kaldi-native-fbank, and what a window's features are."""

import kaldi_native_fbank
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.fbank import (
    FRAMES_AT_ONCE,
    analysis_window,
    fbank,
    mel_filters,
    n_frames_of,
    window_features,
)
from unit.seeded import seeded

LENGTHS = [400, 559, 560, 561, 16_000, 24_000, 48_123]


def speech_like(n_samples, seed=0):
    """A buzz with a slow melody in some noise, in [-1, 1]."""
    rng = np.random.default_rng(seed)
    phase = np.cumsum(120 + 40 * np.sin(np.arange(n_samples) / 3000)) / 16_000
    buzz = 0.3 * (phase % 1 - 0.5)
    return (buzz + 0.01 * rng.standard_normal(n_samples)).astype(np.float32)


def kaldi_fbank(samples, window_type, dither=0.0):
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = 16_000
    options.frame_opts.dither = dither
    options.frame_opts.window_type = window_type
    options.mel_opts.num_bins = 80
    computer = kaldi_native_fbank.OnlineFbank(options)
    computer.accept_waveform(16_000, (samples * 32_768).tolist())
    computer.input_finished()
    frames = [computer.get_frame(i) for i in range(computer.num_frames_ready)]
    return np.array(frames, np.float32).reshape(-1, 80)


@pytest.mark.parametrize("window_type", ["hamming", "povey"])
@pytest.mark.parametrize("n_samples", LENGTHS)
def test_features_are_those_of_kaldi(window_type, n_samples):
    samples = speech_like(n_samples)

    ours, kaldis = fbank(samples, window_type), kaldi_fbank(samples, window_type)
    assert ours.shape == kaldis.shape
    assert ours.dtype == np.float32
    assert np.abs(ours - kaldis).max() < 2e-3


@pytest.mark.parametrize("window_type", ["hamming", "povey"])
def test_digital_silence_is_kaldis_floor(window_type):
    silence = np.zeros(1000, np.float32)

    assert np.allclose(fbank(silence, window_type), kaldi_fbank(silence, window_type))
    assert np.allclose(fbank(silence, window_type), np.log(np.finfo(np.float32).eps))


def test_the_two_analysis_windows_differ():
    samples = speech_like(4000)

    assert np.abs(fbank(samples, "hamming") - fbank(samples, "povey")).max() > 0.1


def test_analysis_windows_by_their_formulas():
    hamming, povey = analysis_window("hamming"), analysis_window("povey")

    assert np.allclose(hamming, np.hamming(400), atol=1e-6)
    assert np.allclose(povey, np.hanning(400) ** 0.85, atol=1e-6)


def test_features_are_reproducible_without_dither():
    samples = 0.1 * speech_like(20_000)  # faint: kaldi's dither cannot be seeded, here any is seen
    ours, again = fbank(samples, "hamming"), fbank(samples.copy(), "hamming")

    assert ours.tobytes() == again.tobytes()
    dithered = kaldi_fbank(samples, "hamming", dither=1.0)
    assert np.abs(ours - dithered).max() > 0.01, "the check would see dither"


@pytest.mark.parametrize(
    ("n_samples", "n_frames"),
    [(0, 0), (1, 0), (399, 0), (400, 1), (559, 1), (560, 2), (16_000, 98), (24_000, 148)],
)
def test_only_whole_frames_count(n_samples, n_frames):
    assert n_frames_of(n_samples) == n_frames
    assert fbank(np.zeros(n_samples, np.float32), "hamming").shape == (n_frames, 80)
    assert len(kaldi_fbank(np.zeros(n_samples, np.float32), "hamming")) == n_frames


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_long_audio_is_computed_in_parts_without_seams(extra):
    samples = speech_like(400 + 160 * (FRAMES_AT_ONCE + extra - 1))
    features = fbank(samples, "povey")

    around = samples[160 * (FRAMES_AT_ONCE - 6) :]
    assert len(features) == FRAMES_AT_ONCE + extra
    assert np.allclose(features[FRAMES_AT_ONCE - 6 :], fbank(around, "povey"), atol=1e-4)


def test_audio_is_left_as_it_was():
    samples = speech_like(2000)
    before = samples.copy()
    fbank(samples, "hamming")

    assert samples.tobytes() == before.tobytes()


def test_mel_filters_are_triangles_from_20_hz_to_8_khz():
    filters = mel_filters()
    centres_hz = filters.argmax(axis=0) * 16_000 / 512

    assert filters.shape == (256, 80)
    assert filters.min() == 0
    assert filters.max() <= 1
    assert (filters.max(axis=0) > 0).all()
    assert (np.diff(centres_hz) >= 0).all()
    assert filters[0].max() == 0, "0 Hz is below the lowest filter"


def test_a_tone_is_loudest_in_the_filter_of_its_pitch():
    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 16_000).astype(np.float32)

    mel = 1127 * np.log1p(np.array([20, 1000, 8000]) / 700)
    expected = (mel[1] - mel[0]) / (mel[2] - mel[0]) * 81 - 1
    assert abs(fbank(tone, "hamming").mean(axis=0).argmax() - expected) < 1


def numbered(n_frames):
    """Features in which the values of a frame are its number squared."""
    return np.repeat(np.arange(n_frames, dtype=np.float32)[:, None] ** 2, 80, axis=1)


def test_a_window_gets_the_frames_it_holds_without_their_mean():
    windows = np.array([[0, 720], [320, 1040]])  # three frames each
    picked = window_features(numbered(10), windows, 3)

    assert picked.shape == (2, 3, 80)
    assert picked[0, :, 0] + 5 / 3 == pytest.approx([0, 1, 4])
    assert picked[1, :, 0] + 29 / 3 == pytest.approx([4, 9, 16])


def test_a_short_window_is_repeated_until_it_is_long_enough():
    picked = window_features(numbered(10), np.array([[160, 720]]), 5)  # frames 1 and 2

    assert picked[0, :, 79] == pytest.approx(np.array([1, 4, 1, 4, 1]) - 11 / 5)


def test_a_window_of_one_frame_is_zero_without_its_mean():
    picked = window_features(numbered(10), np.array([[480, 880]]), 4)

    assert picked.tolist() == np.zeros((1, 4, 80)).tolist()


def test_no_window_has_no_features():
    assert window_features(numbered(10), np.empty((0, 2), np.int64), 3).shape == (0, 3, 80)


@seeded()
@given(n_samples=st.integers(400, 20_000), share=st.floats(0, 1), part=st.floats(0, 1))
def test_every_window_gets_its_own_frames(n_samples, share, part):
    begin = int(share * (n_samples - 400))
    end = begin + 400 + int(part * (n_samples - 400 - begin))
    frames = np.repeat(np.arange(n_frames_of(n_samples), dtype=np.float32)[:, None], 80, axis=1)
    n_own = n_frames_of(end - begin)
    (picked,) = window_features(frames, np.array([[begin, end]]), n_own)

    assert picked[:, 0] == pytest.approx(np.arange(n_own) - (n_own - 1) / 2, abs=1e-3)

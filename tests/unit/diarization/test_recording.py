"""Recordings of several channels, as files and as samples: each channel can be read alone."""

import tracemalloc

import numpy as np
import pytest

from diarization.audio import DEFAULT_LIMITS
from diarization.channels import MIX, Selection, selections
from diarization.errors import InvalidAudioError, InvalidInputError, OverLimitError
from diarization.options import LimitOptions
from diarization.recording import encoded_recording, waveform_recording
from unit.made_audio import encoded, tone

PITCHES_HZ = (300, 500, 700)


def tones(n_channels, seconds=1.5, rate_hz=16_000):
    """A tone of its own on every channel, shape=(n_channels, n_samples)."""
    return np.stack([tone(seconds, hz, rate_hz) for hz in PITCHES_HZ[:n_channels]])


def by_file(waveform, limits=DEFAULT_LIMITS, rate_hz=16_000, kind=("WAV", "FLOAT")):
    return encoded_recording(encoded(waveform.T, rate_hz, kind), 0.4, limits)


def by_samples(waveform, limits=DEFAULT_LIMITS):
    return waveform_recording(waveform, 0.4, limits)


def heard(recording, selection):
    return np.concatenate([*recording.blocks(selection), np.empty(0, np.float32)])


@pytest.mark.parametrize("sent", [by_file, by_samples])
@pytest.mark.parametrize("n_channels", [1, 2, 3])
def test_every_channel_can_be_read_alone_again_and_again(sent, n_channels):
    waveform = tones(n_channels)
    recording = sent(waveform)

    assert recording.n_channels == n_channels
    for _ in range(2):
        for number, selection in enumerate(selections("separate", n_channels)):
            assert heard(recording, selection).tolist() == waveform[number].tolist()
    assert heard(recording, *selections("first", n_channels)).tolist() == waveform[0].tolist()
    assert np.allclose(heard(recording, MIX), waveform.mean(axis=0), atol=1e-7)


@pytest.mark.parametrize("rate_hz", [8000, 44_100])
def test_channels_of_another_rate_are_resampled_each_on_its_own(rate_hz):
    waveform = tones(2, rate_hz=rate_hz)
    recording = by_file(waveform, rate_hz=rate_hz)

    for selection, alone in zip(selections("separate", 2), waveform, strict=True):
        expected = heard(by_file(alone[None], rate_hz=rate_hz), MIX)
        assert heard(recording, selection).tolist() == expected.tolist()


@pytest.mark.parametrize("sent", [by_file, by_samples])
def test_blocks_of_one_channel_are_as_long_as_those_of_the_mean(sent):
    recording = sent(tones(2))

    lengths = [[len(block) for block in recording.blocks(each)] for each in (MIX, Selection(1, 2))]
    assert lengths[0] == lengths[1] == [6400, 6400, 6400, 4800]


@pytest.mark.parametrize(
    ("sent", "tensor"), [(by_file, "AUDIO"), (by_samples, "input")], ids=["file", "samples"]
)
def test_separate_channels_count_together_towards_the_limit(sent, tensor):
    waveform = tones(3, seconds=2)
    assert len(heard(sent(waveform, LimitOptions(audio_s=6)), Selection(2, 3))) == 32_000
    short = sent(waveform, LimitOptions(audio_s=5.9))
    assert len(heard(short, MIX)) == len(heard(short, Selection(0))) == 32_000
    with pytest.raises(OverLimitError) as refusal:
        next(short.blocks(Selection(0, 3)))
    assert str(refusal.value) == (
        f"{tensor}: got 3 separate channels of 2.0 s of audio, expected at most 5.9 s in all"
    )


def test_a_meter_passes_on_the_blocks_of_every_pass():
    lengths = []

    def meter(blocks):
        for block in blocks:
            lengths.append(len(block))
            yield block

    recording = by_samples(tones(2)).through(meter)

    assert recording.n_channels == 2
    assert heard(recording, Selection(1, 2)).tolist() == tones(2)[1].tolist()
    assert heard(recording, MIX).size == 24_000
    assert lengths == [6400, 6400, 6400, 4800] * 2


@pytest.mark.parametrize("shape", [(5,), (0, 5), (16_000, 1)])
def test_samples_of_another_shape_are_refused(shape):
    with pytest.raises(InvalidInputError, match="expected \\[channels, samples\\]"):
        by_samples(np.zeros(shape, np.float32))


def test_bytes_that_are_not_audio_are_refused():
    with pytest.raises(InvalidAudioError, match="AUDIO: got 7 bytes that cannot be decoded"):
        encoded_recording(b"garbage", 1.0, DEFAULT_LIMITS)


def test_a_file_that_is_too_large_is_not_opened():
    with pytest.raises(OverLimitError, match="AUDIO: got 7 bytes, expected at most 1"):
        encoded_recording(b"garbage", 1.0, LimitOptions(upload_mb=1e-6))


def test_no_channel_is_held_in_memory_as_a_whole():
    n_samples = 1_600_000
    quiet = np.zeros((8, n_samples), np.int16)
    recording = by_file(quiet, kind=("FLAC", "PCM_16"))
    tracemalloc.start()
    counted = [sum(map(len, recording.blocks(each))) for each in selections("separate", 8)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert counted == [n_samples] * 8
    assert peak < n_samples * 4  # one channel of it as samples would be that large

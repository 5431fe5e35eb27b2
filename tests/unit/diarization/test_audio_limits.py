"""Files that are too large or too long, or declare a wrong length."""

import io
import re
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile

from diarization.audio import MOST_SAMPLES_PER_BYTE, decode_blocks
from diarization.errors import InvalidAudioError, InvalidRequestError, OverLimitError
from diarization.options import LimitOptions
from diarization.recording import waveform_blocks
from measure.soaking.files import flac_declaring, ogg_declaring
from unit.made_audio import decoded, encoded, tone

FLAC = ("FLAC", "PCM_16")
OGG = ("OGG", "VORBIS")
HOUR_S = 3600


def flac_of_declared_length(n_samples, seconds=1.0):
    """A FLAC file whose header declares another number of samples; 0 stands for unknown."""
    return flac_declaring(encoded(tone(seconds), kind=FLAC), n_samples)


def silent_flac(seconds, rate_hz=16_000):
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate_hz, 1, "PCM_16", format="FLAC") as flac:
        for _ in range(seconds // 60):
            flac.write(np.zeros(60 * rate_hz, np.int16))
    return file.getvalue()


def peak_bytes(work):
    """The error that `work` raises, and the peak memory of Python's allocators meanwhile."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="expected at most") as refusal:
            work()
        return refusal.value, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("n_samples", [16_000 * 13 * HOUR_S, 2**36 - 1])
def test_a_file_that_declares_more_than_the_limit_is_refused_before_it_is_decoded(n_samples):
    file = flac_of_declared_length(n_samples)
    error, peak = peak_bytes(lambda: decoded(file))
    assert isinstance(error, OverLimitError)
    assert str(error) == (
        f"AUDIO: got {n_samples / 16_000:.1f} s of audio, expected at most 43200 s"
    )
    assert peak < 10 * len(file) + 200_000


def test_a_small_file_that_declares_hours_is_refused_before_it_is_decoded():
    file = flac_of_declared_length(16_000 * 11 * HOUR_S)
    error, peak = peak_bytes(lambda: decoded(file))
    assert isinstance(error, InvalidAudioError)
    assert str(error) == (
        f"AUDIO: got {len(file)} bytes that stand for {16_000 * 11 * HOUR_S} samples, "
        "expected at most 2000 samples per byte"
    )
    assert peak < 10 * len(file) + 200_000


def test_an_ogg_file_that_declares_hours_gives_what_it_holds():
    assert len(
        decoded(ogg_declaring(encoded(tone(1), kind=OGG), 16_000 * 11 * HOUR_S))
    ) == pytest.approx(16_000, abs=1000)


@pytest.mark.parametrize("kind", [OGG, ("OGG", "OPUS")])
@pytest.mark.parametrize(
    "place",
    [
        lambda _: 2**62,
        lambda _: 2**63,
        lambda _: 2**64 - 2,  # negative
        lambda _: 2**64 - 1,  # "no packet ends here"
        lambda _: 0,
        lambda number: 10**6 - 1000 * number,
        lambda number: number * 48_000 * HOUR_S,
    ],
)
def test_an_ogg_file_with_wrong_page_positions_gives_no_more_than_it_holds(kind, place):
    pages = [b"OggS" + rest for rest in encoded(tone(3), kind=kind).split(b"OggS")[1:]]
    lying = [ogg_declaring(page, place(number)) for number, page in enumerate(pages[2:])]
    try:
        n_samples = len(decoded(b"".join([*pages[:2], *lying])))
    except InvalidRequestError:
        return
    assert n_samples <= 1.1 * 3 * 16_000


def test_an_hour_of_silence_is_accepted():
    file = silent_flac(HOUR_S)
    n_samples = sum(len(block) for block in decode_blocks(file, 600.0))
    assert n_samples == HOUR_S * 16_000
    assert n_samples / len(file) < MOST_SAMPLES_PER_BYTE / 5


def test_a_flac_file_of_unknown_length_gives_all_it_has():
    samples = decoded(flac_of_declared_length(0, seconds=3), block_s=1.0)
    assert np.abs(samples - tone(3)).max() <= 1 / 32_000


def test_a_flac_file_of_unknown_length_is_refused_once_it_is_too_long():
    file = flac_of_declared_length(0, seconds=3)
    blocks = decode_blocks(file, 1.0, LimitOptions(audio_s=2.5))
    assert [len(next(blocks)) for _ in range(2)] == [16_000, 16_000]
    with pytest.raises(OverLimitError, match=r"got 3\.0 s of audio, expected at most 2\.5 s"):
        next(blocks)


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 48_000])
def test_the_longest_recording_is_a_number_of_seconds_at_any_rate(rate_hz):
    file = encoded(tone(2, rate_hz=rate_hz), rate_hz)
    assert len(decoded(file, limits=LimitOptions(audio_s=2.0))) == pytest.approx(32_000, abs=3)
    with pytest.raises(OverLimitError, match=r"AUDIO: got 2\.0 s of audio"):
        decoded(file, limits=LimitOptions(audio_s=1.99))


def test_the_largest_file_is_a_number_of_megabytes():
    file = encoded(tone(1))
    exactly = LimitOptions(upload_mb=len(file) / 1e6)
    assert len(decoded(file, limits=exactly)) == 16_000
    with pytest.raises(OverLimitError, match=r"AUDIO: got \d+ bytes, expected at most 50000"):
        decoded(file, limits=LimitOptions(upload_mb=0.05))


def test_waveforms_have_the_same_limits():
    waveform = np.zeros((2, 32_000), np.float32)
    exactly = LimitOptions(audio_s=2.0, upload_mb=0.256)
    assert sum(map(len, waveform_blocks(waveform, 1.0, exactly))) == 32_000
    with pytest.raises(OverLimitError, match=r"input: got 2\.0 s of audio, expected at most 1 s"):
        list(waveform_blocks(waveform, 1.0, LimitOptions(audio_s=1)))
    with pytest.raises(OverLimitError, match="input: got 256000 bytes, expected at most 200000"):
        list(waveform_blocks(waveform, 1.0, LimitOptions(upload_mb=0.2)))


@pytest.mark.parametrize("rate_hz", [999, 768_001, 2**31 - 1])
def test_implausible_sample_rates_are_refused(rate_hz):
    file = bytearray(encoded(tone(0.1), kind=("WAV", "PCM_16")))
    file[24:28] = struct.pack("<I", rate_hz)
    with pytest.raises(InvalidAudioError, match=f"rate of {rate_hz} Hz, expected 1000 to 768000"):
        decoded(bytes(file))


@pytest.mark.parametrize("magnitude", [3.0, 40_000.0, 2.0**31])
def test_samples_beyond_full_scale_are_kept(magnitude):
    samples = np.array([0, magnitude, -magnitude, 1], np.float32)
    assert decoded(encoded(samples)).tolist() == samples.tolist()
    assert np.concatenate(list(waveform_blocks(samples[None], 1.0))).tolist() == samples.tolist()


@pytest.mark.parametrize("magnitude", [2.2e9, -1e30])
def test_samples_too_large_to_work_with_are_refused(magnitude):
    samples = np.array([0, magnitude], np.float32)
    expected = f"got a sample of magnitude {abs(magnitude):.3g}, expected at most 2.15e+09"
    with pytest.raises(InvalidAudioError, match=re.escape(expected)):
        decoded(encoded(samples))
    with pytest.raises(InvalidAudioError, match="got a sample of magnitude"):
        list(waveform_blocks(samples[None], 1.0))

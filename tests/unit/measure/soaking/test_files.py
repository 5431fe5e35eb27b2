"""Unusual files, read back by libsndfile: each is unusual in exactly the way its name says."""

import io
import struct

import numpy as np
import pytest
import soundfile

from measure.soaking.files import (
    UNKNOWN_SIZE,
    as_floats,
    encoded,
    flac_declaring,
    flac_of_silence,
    in_channels,
    ogg_declaring,
    resampled,
    wav_declaring,
)

RAMP = np.arange(-8000, 8000, dtype=np.int16)


def opened(content):
    return soundfile.SoundFile(io.BytesIO(content))


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "WAVEX", "RF64", "AIFF"])
def test_lossless_file_holds_the_samples(kind):
    with opened(encoded(RAMP, kind=kind)) as file:
        assert (file.format, file.samplerate) == (kind, 16_000)
        np.testing.assert_array_equal(file.read(dtype="int16"), RAMP)


@pytest.mark.parametrize("n_bytes", [0, 10**9, UNKNOWN_SIZE])
def test_wav_file_declares_any_number_of_bytes_and_keeps_its_samples(n_bytes):
    true = encoded(RAMP)
    lying = wav_declaring(true, n_bytes)
    at = lying.index(b"data") + 4
    assert struct.unpack_from("<I", lying, at) == (n_bytes,)
    assert len(lying) == len(true)
    assert lying[at + 4 :] == true[at + 4 :]
    assert struct.unpack_from("<I", lying, 4)[0] >= n_bytes


@pytest.mark.parametrize("n_samples", [1, 16_000, 2**35 + 7])
def test_flac_file_declares_any_number_of_samples(n_samples):
    with opened(flac_declaring(encoded(RAMP, kind="FLAC"), n_samples)) as file:
        assert file.frames == n_samples
        assert (file.samplerate, file.channels, file.subtype) == (16_000, 1, "PCM_16")


def test_ogg_file_declares_any_number_of_samples_and_its_pages_are_valid():
    noise = np.random.default_rng(0).integers(-8000, 8000, 80_000).astype(np.int16)
    ogg = encoded(noise, kind="OGG", subtype="VORBIS")  # of several pages
    with opened(ogg) as file:
        assert file.frames == len(noise)
    assert ogg_declaring(ogg, len(noise)) == ogg  # the same checksum as libogg's
    with opened(ogg_declaring(ogg, 10**9)) as file:
        assert file.frames == 10**9


@pytest.mark.parametrize("block_samples", [1000, 16_384, 65_535])
def test_flac_of_silence_is_valid_to_its_last_sample(block_samples):
    flac = flac_of_silence(300, block_samples)  # frame numbers of one, two and more bytes
    with opened(flac) as file:
        assert file.frames == 300 * block_samples
        assert (file.samplerate, file.channels) == (16_000, 1)
        n_read = 0
        for block in file.blocks(blocksize=1 << 20, dtype="int16"):
            assert not block.any()
            n_read += len(block)
    assert n_read == 300 * block_samples
    assert len(flac) < 300 * 16 + 50


def test_channels_and_rates():
    assert in_channels(RAMP, 6).shape == (16_000, 6)
    np.testing.assert_array_equal(in_channels(RAMP, 6).mean(axis=1), RAMP)
    with opened(resampled(RAMP, 8000)) as file:
        assert (file.samplerate, file.frames) == (8000, 8000)
    assert np.abs(as_floats(RAMP)).max() == 8000 / 32768

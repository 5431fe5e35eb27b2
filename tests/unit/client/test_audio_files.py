import io
import sys

import numpy as np
import pytest
import soundfile

from inputs import audio_files
from inputs.audio_files import AudioError, encoded_bytes

RNG_SEED = 7


@pytest.fixture
def noise():
    rng = np.random.default_rng(RNG_SEED)
    return rng.integers(-(2**31), 2**31, size=(4000, 2), dtype=np.int32)


def read_back(content):
    with soundfile.SoundFile(io.BytesIO(content)) as sound:
        return sound.format, sound.samplerate, sound.read(dtype="int32")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff"])
def test_what_libsndfile_reads_is_sent_as_it_is(name, tmp_path):
    path = tmp_path / name
    soundfile.write(path, np.zeros((800, 2)), 16_000)

    assert encoded_bytes(path) == path.read_bytes()


def test_the_content_counts_and_not_the_name(tmp_path):
    path = tmp_path / "odd.raw"
    soundfile.write(path, np.zeros(80), 16_000, format="WAV")

    assert encoded_bytes(path) == path.read_bytes()


def test_a_recording_of_no_samples_is_sent(tmp_path):
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros(0), 16_000)

    assert encoded_bytes(path) == path.read_bytes()


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24"])
def test_long_uncompressed_files_are_packed_sample_by_sample_the_same(subtype, noise, tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, noise, 22_050, subtype=subtype)

    kind, rate_hz, samples = read_back(encoded_bytes(path, pack_from_bytes=0))

    assert (kind, rate_hz) == ("FLAC", 22_050)
    assert np.array_equal(samples, read_back(path.read_bytes())[2])


@pytest.mark.parametrize(("name", "subtype"), [("a.wav", "FLOAT"), ("a.flac", "PCM_16")])
def test_what_flac_cannot_hold_or_is_already_is_not_packed(name, subtype, noise, tmp_path):
    path = tmp_path / name
    soundfile.write(path, noise, 16_000, subtype=subtype)

    assert encoded_bytes(path, pack_from_bytes=0) == path.read_bytes()


def test_a_file_that_is_too_large_for_a_request_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(800), 16_000)
    monkeypatch.setattr(audio_files, "MAX_UPLOAD_BYTES", 1000)

    with pytest.raises(AudioError, match="1644 bytes, expected at most 1000"):
        encoded_bytes(path)


def test_a_file_that_went_away_is_one_sentence(tmp_path):
    with pytest.raises(AudioError, match=r"cannot read .*gone\.wav: No such file"):
        encoded_bytes(tmp_path / "gone.wav")


@pytest.fixture
def m4a(tmp_path):
    """A file that starts as an mp4 does, which libsndfile cannot read."""
    path = tmp_path / "a.m4a"
    path.write_bytes(b"\x00\x00\x00\x1cftypM4A " + bytes(100))
    return path


def test_without_pyav_the_sentence_says_what_to_install(m4a, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)  # python's own way to make an import fail

    with pytest.raises(AudioError, match=r"libsndfile cannot read .*a\.m4a.*pip install av"):
        encoded_bytes(m4a)


def test_packing_ends_as_soon_as_nobody_wants_it(noise, tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, noise, 22_050)

    with pytest.raises(AudioError, match="was stopped"):
        encoded_bytes(path, pack_from_bytes=0, stopped=lambda: True)

import io
import struct
import sys

import av
import numpy as np
import pytest
import soundfile

from inputs import audio_files
from inputs.audio_files import AudioError, audio_length_s, encoded_bytes

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


def test_a_file_that_went_away_is_reported_in_one_sentence(tmp_path):
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


def test_packing_can_be_stopped(noise, tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, noise, 22_050)

    with pytest.raises(AudioError, match="was stopped"):
        encoded_bytes(path, pack_from_bytes=0, stopped=lambda: True)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_the_length_is_read_from_the_header(name, tmp_path):
    soundfile.write(tmp_path / name, np.zeros(24_000), 16_000)

    assert audio_length_s(tmp_path / name) == pytest.approx(1.5, abs=0.1)  # mp3 is padded


def test_pyav_reads_the_length_where_libsndfile_cannot(tmp_path):
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 32_000), np.int16), "s16", "mono")
        frame.sample_rate = 16_000
        container.mux([*stream.encode(frame), *stream.encode(None)])

    assert audio_length_s(path) == pytest.approx(2.0, abs=0.2)


def test_a_header_written_to_a_pipe_has_no_length(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(24_000, np.int16), 16_000)
    content = bytearray(path.read_bytes())
    content[40:44] = struct.pack("<I", 0)  # the size of the samples, in a header of 44 bytes
    path.write_bytes(content)

    assert audio_length_s(path) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", r"a\.wav is empty, expected audio$"),
        (b"no audio", r"neither libsndfile nor PyAV can read .*a\.wav: Invalid data found"),
    ],
)
def test_what_is_not_audio_is_reported_in_one_sentence(content, words, tmp_path):
    (tmp_path / "a.wav").write_bytes(content)

    with pytest.raises(AudioError, match=words):
        audio_length_s(tmp_path / "a.wav")


def test_a_file_that_is_not_there_is_reported_in_one_sentence(tmp_path):
    with pytest.raises(AudioError, match=r"cannot read .*a\.wav: No such file"):
        audio_length_s(tmp_path / "a.wav")


@pytest.mark.parametrize(("subtype", "sendable"), [("FLOAT", False), ("PCM_16", True)])
def test_what_is_too_large_and_cannot_be_packed_is_refused(
    subtype, sendable, tmp_path, monkeypatch
):
    soundfile.write(tmp_path / "a.wav", np.zeros(8_000), 16_000, subtype=subtype)
    monkeypatch.setattr(audio_files, "MAX_UPLOAD_BYTES", 1000)

    if sendable:
        assert audio_length_s(tmp_path / "a.wav") == 0.5
    else:
        with pytest.raises(AudioError, match="expected at most 1000"):
            audio_length_s(tmp_path / "a.wav")

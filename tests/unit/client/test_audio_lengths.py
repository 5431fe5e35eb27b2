import struct

import av
import numpy as np
import pytest
import soundfile

from inputs import audio_files
from inputs.audio_files import AudioError, audio_length_s


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_the_header_tells_the_length(name, tmp_path):
    soundfile.write(tmp_path / name, np.zeros(24_000), 16_000)

    assert audio_length_s(tmp_path / name) == pytest.approx(1.5, abs=0.1)  # mp3 is padded


def test_of_what_libsndfile_cannot_read_pyav_tells_it(tmp_path):
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 32_000), np.int16), "s16", "mono")
        frame.sample_rate = 16_000
        container.mux([*stream.encode(frame), *stream.encode(None)])

    assert audio_length_s(path) == pytest.approx(2.0, abs=0.2)


def test_a_header_that_a_pipe_left_does_not_know_it(tmp_path):
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
def test_what_is_no_audio_is_one_sentence(content, words, tmp_path):
    (tmp_path / "a.wav").write_bytes(content)

    with pytest.raises(AudioError, match=words):
        audio_length_s(tmp_path / "a.wav")


def test_a_file_that_is_not_there_is_one_sentence(tmp_path):
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

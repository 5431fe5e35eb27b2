"""Decoding by the real PyAV: what only it reads, what it must not read, its limits."""

import io
import os
import threading
import time
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from inputs import audio_files, av_worker
from inputs.audio_files import AudioError, audio_length_s, encoded_bytes
from media_files import KINDS, noise, write_media, write_mov

CANNOT = "^neither libsndfile nor PyAV can read "


@pytest.mark.parametrize("kind", KINDS)
def test_what_libsndfile_cannot_read_is_decoded(kind, tmp_path):
    path = write_media(tmp_path / f"call.{kind}", noise(32_000))

    sent = soundfile.info(io.BytesIO(encoded_bytes(path)))

    assert (sent.format, sent.samplerate, sent.channels) == ("FLAC", 16_000, 1)
    assert sent.duration == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_all_channels_are_sent_on_request_each_with_its_own_sound(kind, tmp_path):
    left_only = np.stack([noise(32_000), np.zeros(32_000, np.int16)], axis=1)
    path = write_media(tmp_path / f"call.{kind}", left_only)

    sent, rate_hz = soundfile.read(io.BytesIO(encoded_bytes(path, keep_channels=True)))

    assert (rate_hz, sent.shape[1]) == (16_000, 2)
    assert len(sent) == pytest.approx(32_000, abs=1600)
    left, right = np.abs(sent).mean(axis=0)
    assert left > 0.01
    assert right < left / 100


def test_more_channels_than_flac_holds_are_reported_in_one_sentence(tmp_path):
    path = tmp_path / "call.mov"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=16_000, layout="hexadecagonal")
        samples = np.zeros((1, 16 * 800), np.int16)
        frame = av.AudioFrame.from_ndarray(samples, "s16", "hexadecagonal")
        frame.sample_rate, frame.time_base = 16_000, Fraction(1, 16_000)
        file.mux(stream.encode(frame))

    with pytest.raises(AudioError, match="it has 16 channels, expected at most 8"):
        encoded_bytes(path, keep_channels=True)


def test_a_film_without_sound_is_reported_in_one_sentence(tmp_path):
    path = tmp_path / "film.mov"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 16
        file.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
        file.mux(stream.encode(None))

    with pytest.raises(AudioError, match=f"{CANNOT}.*it has no audio stream"):
        encoded_bytes(path)


@pytest.mark.parametrize(
    "playlist",
    [
        "ffconcat version 1.0\nfile other.m4a\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nother.m4a\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_cannot_read_another_file(playlist, tmp_path):
    write_media(tmp_path / "other.m4a", noise(32_000))
    (tmp_path / "upload").write_text(playlist)

    with pytest.raises(AudioError, match="neither libsndfile nor PyAV can read"):
        encoded_bytes(tmp_path / "upload")


def test_a_file_made_by_hand_is_decoded_to_the_end_that_it_declares(tmp_path):
    path = write_mov(tmp_path / "whole.mov", declared_s=20, chunk_s=20, n_chunks=1)

    assert soundfile.info(io.BytesIO(encoded_bytes(path))).duration == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize("declared_s", [60, 22_000, 0])
def test_a_file_that_repeats_its_bytes_is_refused_early(declared_s, tmp_path):
    path = write_mov(tmp_path / "bomb.mov", declared_s, chunk_s=10, n_chunks=2200)  # six hours
    assert path.stat().st_size < 120_000

    with pytest.raises(AudioError, match=f"{CANNOT}.*they reuse the same ones"):
        encoded_bytes(path)


def test_a_file_longer_than_it_declares_is_refused(tmp_path):
    path = write_mov(tmp_path / "longer.mov", declared_s=20, chunk_s=60, n_chunks=1)

    assert audio_length_s(path) == 20
    with pytest.raises(AudioError, match=f"{CANNOT}.*it continues after 32 s"):
        encoded_bytes(path)


def test_sound_that_cannot_be_decoded_is_refused(tmp_path):
    path = write_mov(tmp_path / "none.mov", declared_s=20, chunk_s=20, n_chunks=1, codec=b"mp4a")

    with pytest.raises(AudioError, match=CANNOT):
        encoded_bytes(path)


@pytest.fixture
def worker(monkeypatch, tmp_path):
    """A function that puts Python code in the place of FFmpeg's opening of a file."""

    def put(code):
        script = tmp_path / "worker.py"
        folder = os.path.dirname(av_worker.__file__)  # noqa: PTH120
        script.write_text(
            f"import sys, os; sys.path.insert(0, {folder!r}); import av_worker\n"
            f"def opening(*_, **__):\n    {code}\n"
            "av_worker.av.open, av_worker._OPENING_CPU_S = opening, 1\n"
            "sys.exit(av_worker.main(sys.argv[1]))\n"
        )
        monkeypatch.setattr(audio_files, "_AV_WORKER", script)
        return write_mov(tmp_path / "call.mov", declared_s=1, chunk_s=1, n_chunks=1)

    return put


@pytest.mark.parametrize(
    "code",
    [
        "os.abort()",
        "raise KeyError",
        "raise ValueError(av_worker.np.empty(2**31, bool).size)",
        "while True: pass",
    ],
)
def test_a_crash_or_excess_of_the_decoder_is_reported_in_one_sentence(code, worker):
    with pytest.raises(
        AudioError, match=f"{CANNOT}.*takes too much memory or time.* or .* crashed$"
    ):
        encoded_bytes(worker(code))


def test_decoding_can_be_stopped(worker):
    path = worker("import time; time.sleep(600)")
    stopping = threading.Event()
    threading.Timer(0.3, stopping.set).start()
    begun_s = time.monotonic()

    with pytest.raises(AudioError, match="was stopped"):
        encoded_bytes(path, stopped=stopping.is_set)

    assert time.monotonic() - begun_s < 10


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_what_is_sent_as_it_is_starts_no_process(name, tmp_path, monkeypatch):
    soundfile.write(tmp_path / name, np.zeros(800), 16_000)
    monkeypatch.setattr(audio_files.subprocess, "Popen", None)

    assert encoded_bytes(tmp_path / name) == (tmp_path / name).read_bytes()
    assert audio_length_s(tmp_path / name) is not None

"""Sources of live audio: what they give against what soundfile reads, and what they refuse."""

import contextlib
import io
import struct
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from fake_clock import FakeClock
from inputs.audio_files import AudioError
from live.sources import Source, audio_file, microphone, paced, pipe, recording_of
from media_files import noise, write_media


@pytest.fixture
def until_the_end():
    with contextlib.ExitStack() as stack:
        yield stack


class Trickle:
    """A pipe that hands over three bytes at a time."""

    def __init__(self, content):
        self._file = io.BytesIO(content)

    def read(self, n):
        return self._file.read(min(n, 3))


def samples_of(source):
    return np.concatenate([np.empty(0, np.int16), *source.blocks])


def wav(samples, rate_hz=16_000, subtype="PCM_16"):
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, subtype, format="WAV")
    return file.getvalue()


def declaring(content, n_bytes):
    """The wav file with another size of its data in the header."""
    at = content.index(b"data") + 4
    return content[:at] + struct.pack("<I", n_bytes) + content[at + 4 :]


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 44_100, 48_000])
def test_a_file_gives_its_own_samples_at_its_own_rate(rate_hz, tmp_path, until_the_end):
    samples = noise(rate_hz + 7)
    soundfile.write(tmp_path / "a.flac", samples, rate_hz)

    source = audio_file(tmp_path / "a.flac", until_the_end)

    assert source.rate_hz == rate_hz
    assert np.array_equal(samples_of(source), samples)


def test_blocks_of_a_file_are_short_enough_to_be_played(tmp_path, until_the_end):
    soundfile.write(tmp_path / "a.wav", noise(40_000), 16_000)

    source = audio_file(tmp_path / "a.wav", until_the_end)

    assert [len(block) for block in source.blocks] == [4000] * 10


def test_channels_are_averaged(tmp_path, until_the_end):
    left = noise(1600)
    soundfile.write(tmp_path / "a.wav", np.stack([left, np.zeros_like(left)], axis=1), 16_000)

    found = samples_of(audio_file(tmp_path / "a.wav", until_the_end))

    assert np.array_equal(found, np.rint(left / 2).astype(np.int16))


@pytest.mark.parametrize("rate_hz", [6000, 96_000])
def test_a_rate_that_the_service_does_not_take_becomes_16_khz(rate_hz, tmp_path, until_the_end):
    tone = np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz) / 2
    soundfile.write(tmp_path / "a.wav", tone, rate_hz)

    source = audio_file(tmp_path / "a.wav", until_the_end)
    spectrum = np.abs(np.fft.rfft(samples_of(source)))

    assert source.rate_hz == 16_000
    assert len(spectrum) == 8001
    assert spectrum.argmax() == 440


def test_a_file_that_only_pyav_reads_is_decoded(tmp_path, until_the_end):
    path = write_media(tmp_path / "a.m4a", noise(16_000))

    source = audio_file(path, until_the_end)

    assert source.rate_hz == 16_000
    assert len(samples_of(source)) == pytest.approx(16_000, abs=2048)


@pytest.mark.parametrize("n_bytes", [None, 0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_wav_in_a_pipe_may_declare_any_length(n_bytes):
    samples = noise(5000)
    content = wav(samples, 22_050)

    source = pipe(io.BytesIO(content if n_bytes is None else declaring(content, n_bytes)), 16_000)

    assert source.rate_hz == 22_050
    assert np.array_equal(samples_of(source), samples)


def test_what_surrounds_the_samples_of_a_wav_is_not_taken_for_sound():
    samples = noise(5000)
    content = wav(samples)
    at, note = content.index(b"data"), b"LIST" + struct.pack("<I", 8) + b"INFOabcd"

    source = pipe(io.BytesIO(content[:at] + note + content[at:] + note), 16_000)

    assert np.array_equal(samples_of(source), samples)


def test_channels_of_a_wav_in_a_pipe_are_averaged():
    left = noise(1600)

    source = pipe(io.BytesIO(wav(np.stack([left, left], axis=1))), 16_000)

    assert np.array_equal(samples_of(source), left)


def test_raw_samples_are_read_at_the_rate_that_is_given():
    samples = noise(5000)

    source = pipe(io.BytesIO(samples.tobytes() + b"\x01"), 11_025)

    assert source.rate_hz == 11_025
    assert np.array_equal(samples_of(source), samples)


@pytest.mark.parametrize("encoded", [wav(noise(900)), noise(900).tobytes()])
def test_a_pipe_may_hand_over_a_few_bytes_at_a_time(encoded):
    assert np.array_equal(samples_of(pipe(Trickle(encoded), 16_000)), noise(900))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "standard input is empty"),
        (b"fLaC" + bytes(100), "standard input is FLAC, expected wav or raw samples"),
        (wav(noise(100), subtype="PCM_24"), r"another kind \(24 bits\), expected 16-bit PCM"),
        (wav(noise(100), subtype="FLOAT"), r"another kind \(unknown format: 3\)"),
        (wav(noise(100))[:30], "another kind"),
    ],
)
def test_what_a_pipe_must_not_hold_is_named(content, words):
    with pytest.raises(AudioError, match=words):
        pipe(io.BytesIO(content), 16_000)


@pytest.mark.parametrize(("pace", "waits_s"), [(1, [0.5, 0.5, 0.25]), (10, [0.05, 0.05, 0.025])])
def test_a_block_is_given_when_its_last_sample_has_been_spoken(pace, waits_s):
    clock, waited_s = FakeClock(), []

    def wait(length_s):
        waited_s.append(length_s)
        clock.now_s += length_s

    source = Source(1000, iter([np.zeros(n, np.int16) for n in (500, 500, 250)]))

    assert [len(block) for block in paced(source, pace, wait, clock)] == [500, 500, 250]
    assert waited_s == pytest.approx(waits_s)


def test_time_that_others_took_is_not_waited_again():
    clock, waited_s = FakeClock(), []
    source = Source(1000, iter([np.zeros(500, np.int16)] * 2))

    for _ in paced(source, 1, waited_s.append, clock):
        clock.now_s += 3

    assert waited_s == [0.5, 0]


def test_without_pace_nothing_waits():
    source = Source(1000, iter([np.zeros(500, np.int16)] * 2))

    assert len(list(paced(source, 0, pytest.fail))) == 2


class FakeStream(contextlib.nullcontext):
    """A microphone that gives two blocks, and is then unplugged."""

    def __init__(self, samplerate, channels, dtype):
        super().__init__(self)
        assert (samplerate, channels, dtype) == (16_000, 1, "int16")
        self._n_left = 2

    def read(self, n):
        if not self._n_left:
            raise UnpluggedError("Device unavailable")
        self._n_left -= 1
        return np.full((n, 1), self._n_left, np.int16), self._n_left == 0


class UnpluggedError(Exception):
    pass


def test_a_microphone_gives_samples_until_it_is_unplugged(monkeypatch, until_the_end):
    fake = SimpleNamespace(InputStream=FakeStream, PortAudioError=UnpluggedError)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)

    source = microphone(until_the_end)

    assert [next(source.blocks)[0], next(source.blocks)[-1]] == [1, 0]
    with pytest.raises(AudioError, match="the microphone stopped: Device unavailable"):
        next(source.blocks)


def test_without_a_microphone_the_reason_is_given(monkeypatch, until_the_end):
    def no_device(**_):
        raise UnpluggedError("Error querying device -1")

    fake = SimpleNamespace(InputStream=no_device, PortAudioError=UnpluggedError)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)

    with pytest.raises(AudioError, match="cannot open the microphone: Error querying device -1"):
        microphone(until_the_end)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("a/My call.wav", None, "My_call"),
        ("-", None, "stdin"),
        ("mic", None, "mic"),
        ("-", "x", "x"),
    ],
)
def test_the_id_is_that_of_the_file_or_of_the_source(name, given, expected):
    assert recording_of(name, None, given).recording_id == expected

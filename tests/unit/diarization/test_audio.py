"""Decoding and resampling of audio files."""

import os
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.audio import decode_blocks, empty_size_place
from diarization.errors import InvalidRequestError
from diarization.recording import waveform_blocks
from unit.made_audio import decoded, encoded, tone
from unit.seeded import seeded

LOSSLESS = [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("FLAC", "PCM_16")]
LOSSY = [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")]


def pitch_hz(samples):
    """Frequency of the highest peak of the spectrum of samples at 16 kHz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return spectrum.argmax() * 16_000 / len(samples)


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_give_their_samples(kind):
    samples = tone(0.5)

    assert np.abs(decoded(encoded(samples, kind=kind)) - samples).max() <= 1 / 32_000


@pytest.mark.parametrize("kind", LOSSY)
@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_lossy_formats_give_about_their_samples(kind, rate_hz):
    samples = decoded(encoded(tone(2, rate_hz=rate_hz), rate_hz, kind))

    assert len(samples) == pytest.approx(32_000, abs=2500)  # mp3 pads to whole frames
    assert pitch_hz(samples[8000:24_000]) == pytest.approx(440, abs=2)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("rate_hz", [16_000, 8000])
def test_channels_are_averaged(rate_hz):
    left, right = tone(0.3, 300, rate_hz), tone(0.3, 500, rate_hz)
    stereo, mono = np.stack([left, right], axis=1), (left + right) / 2

    downmixed = decoded(encoded(stereo, rate_hz))
    assert np.abs(downmixed - decoded(encoded(mono, rate_hz))).max() < 1e-6
    assert rate_hz != 16_000 or np.abs(downmixed - mono).max() < 1e-7


@pytest.mark.parametrize("rate_hz", [8000, 11_025, 22_050, 44_100, 48_000])
def test_other_rates_become_16_khz(rate_hz):
    samples = decoded(encoded(tone(1.5, 1000, rate_hz), rate_hz))

    assert len(samples) == pytest.approx(24_000, abs=3)
    assert pitch_hz(samples) == pytest.approx(1000, abs=1)
    middle = samples[2000:-2000]
    assert np.abs(middle - tone(1.5, 1000)[2000 : 2000 + len(middle)]).max() < 1e-3


def test_what_16_khz_cannot_hold_is_filtered_out():
    assert np.abs(decoded(encoded(tone(1, 12_000, 48_000), 48_000))[1000:-1000]).max() < 1e-3


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("block_s", [0.1, 0.37, 1.0])
def test_blocks_have_no_seams(rate_hz, block_s):
    noise = np.random.default_rng(0).uniform(-0.9, 0.9, 2 * rate_hz).astype(np.float32)
    file = encoded(noise, rate_hz)

    assert len(list(decode_blocks(file, block_s))) >= 2 / block_s
    assert np.abs(decoded(file, block_s) - decoded(file)).max() < 1e-4


def test_blocks_are_read_one_at_a_time():
    blocks = list(decode_blocks(encoded(tone(2.5)), 1.0))

    assert [len(block) for block in blocks] == [16_000, 16_000, 8000]


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 44_100])
@pytest.mark.parametrize("kind", [("WAV", "PCM_16"), ("OGG", "VORBIS")])
def test_a_file_without_samples_is_no_audio_and_no_error(rate_hz, kind):
    assert len(decoded(encoded(np.empty(0, np.float32), rate_hz, kind))) == 0


@pytest.mark.parametrize(("rate_hz", "n_samples"), [(8000, 2), (16_000, 1), (48_000, 0)])
def test_one_sample_is_accepted(rate_hz, n_samples):
    assert len(decoded(encoded(np.ones(1, np.float32), rate_hz))) == pytest.approx(n_samples, abs=1)


GARBAGE = [b"", b"R", b"RIFF", b"garbage" * 100, bytes(2000), encoded(tone(0.1))[:20]]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_bytes_that_are_not_audio_are_refused_saying_got_and_expected(garbage):
    with pytest.raises(InvalidRequestError) as refusal:
        decoded(garbage)

    text = str(refusal.value)
    assert f"AUDIO: got {len(garbage)} bytes" in text
    assert text.endswith("expected a wav, flac, ogg or mp3 file")


def test_a_truncated_flac_file_is_refused():
    file = encoded(tone(3), kind=("FLAC", "PCM_16"))

    with pytest.raises(InvalidRequestError, match=r"AUDIO: got .* cannot be decoded"):
        decoded(file[: len(file) // 2])


def test_a_truncated_wav_file_gives_the_samples_it_has():
    file = encoded(tone(1), kind=("WAV", "PCM_16"))

    half = decoded(file[: 44 + 16_000])
    assert np.abs(half - tone(1)[:8000]).max() < 1e-4


@seeded(100)
@given(
    edits=st.lists(st.tuples(st.integers(0, 119), st.integers(0, 255)), min_size=1, max_size=4),
    kind=st.sampled_from([("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")]),
)
def test_a_damaged_header_is_audio_or_a_refusal_never_another_error(edits, kind):
    file = bytearray(encoded(np.stack([tone(0.05), tone(0.05)], axis=1), 44_100, kind))
    for place, value in edits:
        file[place] = value
    try:
        n_samples = sum(len(block) for block in decode_blocks(bytes(file), 1.0))
    except InvalidRequestError as refusal:
        assert "expected" in str(refusal)  # noqa: PT017 - either outcome is right
    else:
        assert n_samples >= 0


NOT_FINITE = [[np.nan], [np.inf], [0.0, -np.inf], [np.inf, -np.inf]]


@pytest.mark.parametrize("frame", NOT_FINITE)
@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_files_with_values_that_are_not_finite_are_refused(frame, rate_hz):
    samples = np.zeros((1000, len(frame)), np.float32)
    samples[700] = frame

    with pytest.raises(InvalidRequestError, match="got NaN or infinite samples, expected finite"):
        decoded(encoded(samples, rate_hz))


@pytest.mark.parametrize("frame", NOT_FINITE)
def test_waveforms_with_values_that_are_not_finite_are_refused(frame):
    waveform = np.zeros((len(frame), 1000), np.float32)
    waveform[:, 700] = frame

    with pytest.raises(InvalidRequestError, match="got NaN or infinite samples, expected finite"):
        list(waveform_blocks(waveform, 1.0))


def test_waveforms_are_cut_into_blocks_and_averaged():
    waveform = np.stack([np.arange(40_000), np.zeros(40_000)]).astype(np.float32)
    blocks = list(waveform_blocks(waveform, 1.0))

    assert [len(block) for block in blocks] == [16_000, 16_000, 8000]
    assert all(block.dtype == np.float32 for block in blocks)
    assert np.concatenate(blocks).tolist() == (np.arange(40_000) / 2).tolist()


@pytest.mark.parametrize("shape", [(1, 0), (2, 0), (0, 0)])
def test_a_waveform_without_samples_is_no_audio(shape):
    assert list(waveform_blocks(np.empty(shape, np.float32), 1.0)) == []


@pytest.mark.parametrize("shape", [(), (5,), (0, 5), (1, 1, 5), (16_000, 1)])
def test_waveforms_of_another_shape_are_refused(shape):
    with pytest.raises(InvalidRequestError) as refusal:
        list(waveform_blocks(np.zeros(shape, np.float32), 1.0))

    assert f"got shape {list(shape)}, expected [channels, samples]" in str(refusal.value)


def test_an_implausible_sample_rate_is_refused():
    with pytest.raises(InvalidRequestError, match="got a sample rate of 1 Hz, expected 1000"):
        list(decode_blocks(encoded(np.zeros(100), 1), 600.0))


def test_many_channels_do_not_make_large_blocks():
    n_samples = 2_000_000
    silence = encoded(np.zeros((n_samples, 8), np.float32), 96_000, ("FLAC", "PCM_16"))
    tracemalloc.start()
    n_decoded = sum(len(block) for block in decode_blocks(silence, 600.0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n_decoded == pytest.approx(n_samples / 6, abs=2)
    assert peak < 8 * n_samples * 4  # all of it as samples would be that large


LAYER_I_HEADER = bytes([0xFF, 0xFF, 0x14, 0xC0])  # 32 kbit/s, 48 kHz, mono: frames of 32 bytes


def test_a_decoder_that_warns_about_every_frame_writes_nothing_to_the_log(capfd):
    """The messages of libmpg123 about such a file are five times as long as the file."""
    decoded((LAYER_I_HEADER + b"\xff" * 28) * 1000)
    with pytest.raises(InvalidRequestError):
        decoded((LAYER_I_HEADER + b"\x11" * 28 + b"\0" * 3) * 1000)
    os.write(2, b"still there")

    assert capfd.readouterr().err == "still there"


def test_an_mp3_without_a_frame_is_refused_without_mention_of_a_file():
    with pytest.raises(
        InvalidRequestError, match=r"decoded \(No frame that can be read\), expected"
    ):
        decoded((LAYER_I_HEADER + b"\x11" * 28 + b"\0" * 3) * 1000)


PCM = ("WAV", "PCM_16")
SIZES = [0, 0xFFFFFFFF, 0x7FFFFFFF, 1_000_000]
TAGS = b"LIST\x0e\0\0\0INFOISFT\x02\0\0\0ab"


def with_sizes(file, *, riff=None, samples=None):
    changed = bytearray(file)
    place = changed.index(b"data") + 4
    if samples is not None:
        changed[place : place + 4] = struct.pack("<I", samples)
    if riff is not None:
        changed[4:8] = struct.pack("<I", riff)
    return bytes(changed)


@pytest.mark.parametrize("kind", [PCM, ("WAV", "FLOAT"), ("WAVEX", "PCM_24")])
@pytest.mark.parametrize("riff", [None, 0, 36, 0xFFFFFFFF])
@pytest.mark.parametrize("samples", SIZES)
def test_a_header_that_was_never_finished_gives_all_samples(kind, riff, samples):
    file = encoded(tone(0.5), kind=kind)
    lying = with_sizes(file, riff=riff, samples=samples)
    assert decoded(lying).tolist() == decoded(file).tolist()


def test_a_finished_empty_file_is_empty():
    file = encoded(np.empty(0, np.float32), kind=PCM)
    assert empty_size_place(file) is None
    assert len(decoded(file)) == 0


def test_an_empty_file_with_tags_behind_is_empty():
    file = encoded(np.empty(0, np.float32), kind=PCM) + TAGS
    assert empty_size_place(file) is None
    assert len(decoded(file)) == 0


def test_tags_before_the_samples_do_not_hide_them():
    file = encoded(tone(0.1), kind=PCM)
    start = file.index(b"data")
    tagged = with_sizes(file[:start] + TAGS + file[start:], samples=0)
    assert empty_size_place(tagged) == start + len(TAGS) + 4
    assert len(decoded(tagged)) == 1600


@pytest.mark.parametrize(
    "other", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0AVI data\0\0\0\0123", bytes(100)]
)
def test_other_bytes_are_left_alone(other):
    assert empty_size_place(other) is None


def test_silence_after_an_empty_size_is_samples():
    file = with_sizes(encoded(np.zeros(800, np.float32), kind=PCM), samples=0)
    assert len(decoded(file)) == 800


def test_a_few_samples_after_an_empty_size_are_samples():
    file = with_sizes(encoded(tone(3 / 16_000), kind=PCM), samples=0)
    assert len(decoded(file)) == 3

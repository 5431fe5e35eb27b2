"""The sound in a report: samples, outline, FLAC."""

import io

import numpy as np
import pytest
import soundfile

from inputs.audio_files import AudioError
from media_files import noise, write_media
from unit.made_audio import tone
from viewer import sound
from viewer.sound import (
    BLOCK_SAMPLES,
    Outline,
    load_sound,
    peaks_of,
    regroup,
    resample,
    round_coarsely,
    sound_blocks,
    write_flac,
)


def decoded(flac):
    samples, rate_hz = soundfile.read(io.BytesIO(flac), dtype="int16")
    assert rate_hz == 16_000
    return samples


def encoded(blocks):
    file = io.BytesIO()
    write_flac(file, blocks)
    return file.getvalue()


def all_of(path):
    return np.concatenate(list(sound_blocks(path)))


def test_peaks_are_the_largest_magnitudes_of_hundredths_of_seconds():
    block = np.zeros(400, np.float32)
    block[[3, 159, 160]] = 0.2, -0.5, 2.0

    assert peaks_of(block).tolist() == [128, 255, 0]
    assert peaks_of(np.zeros(0, np.float32)).size == 0


def test_blocks_of_any_size_become_blocks_of_one_size():
    samples = np.arange(25, dtype=np.float32)

    blocks = list(regroup(np.split(samples, [1, 4, 4, 24]), 10))

    assert [len(block) for block in blocks] == [10, 10, 5]
    assert np.concatenate(blocks).tolist() == samples.tolist()
    assert list(regroup([samples[:0]], 10)) == []


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100, 48_000, 47_999])
@pytest.mark.parametrize("length_s", [0.3, 10.0, 23.4])
def test_a_tone_stays_the_same_at_another_rate(rate_hz, length_s):
    blocks = np.array_split(tone(length_s, 440.0, rate_hz), 7)

    out = np.concatenate(list(resample(blocks, rate_hz, 16_000)))

    wanted = tone(length_s, 440.0, 16_000)
    assert len(out) == pytest.approx(len(wanted), abs=1)
    n = min(len(out), len(wanted)) - 800
    np.testing.assert_allclose(out[800:n], wanted[800:n], atol=0.01)


def test_frequencies_above_the_lower_rate_are_lost():
    out = np.concatenate(list(resample([tone(12.0, 12_000.0, 48_000)], 48_000, 16_000)))

    assert np.abs(out[800:-800]).max() < 0.01


def test_channels_are_averaged_and_samples_finite(tmp_path):
    stereo = np.stack([tone(1.0), np.zeros(16_000, np.float32)], axis=1)
    stereo[100] = np.nan
    soundfile.write(tmp_path / "a.wav", stereo, 16_000, subtype="FLOAT")

    samples = all_of(tmp_path / "a.wav")

    stereo[100] = 0
    np.testing.assert_allclose(samples, stereo[:, 0] / 2, atol=1e-6)


@pytest.mark.parametrize("kind", ["m4a", "webm"])
def test_formats_unknown_to_libsndfile_are_read_too(kind, tmp_path):
    path = write_media(tmp_path / f"a.{kind}", noise(16_000 * 12))

    blocks = list(sound_blocks(path))

    assert len(blocks[0]) == BLOCK_SAMPLES
    assert sum(map(len, blocks)) / 16_000 == pytest.approx(12, abs=0.1)


def test_files_without_audio_are_refused(tmp_path):
    (tmp_path / "a.wav").write_text("no audio")

    with pytest.raises(AudioError, match=r"can read .*a\.wav"):
        all_of(tmp_path / "a.wav")
    with pytest.raises(AudioError, match=r"cannot read .*b\.wav: No such file"):
        all_of(tmp_path / "b.wav")


def test_a_recording_of_days_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sound, "MAX_AUDIO_S", 100)
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(2**20, np.int16), 4)  # hertz: three days in a few kilobytes

    with pytest.raises(AudioError, match=r"a\.flac is longer than 100 s"):
        load_sound(path)


def test_a_short_recording_is_carried_without_loss(tmp_path):
    samples = noise(BLOCK_SAMPLES + 1_234)
    soundfile.write(tmp_path / "a.wav", samples, 16_000)

    outline, flac = load_sound(tmp_path / "a.wav")

    assert decoded(flac).tolist() == samples.tolist()
    assert outline.audio_ms == round(len(samples) / 16)
    assert len(outline.peaks) == -(-len(samples) // 160)


def test_a_long_recording_is_carried_30_db_above_its_noise(monkeypatch):
    monkeypatch.setattr(sound, "N_LOSSLESS_BLOCKS", 1)
    level = np.repeat(np.geomspace(30, 9_000, 10), BLOCK_SAMPLES // 4)
    samples = (np.random.default_rng(0).standard_normal(level.size) * level).astype(np.int16)
    blocks = list(regroup([samples.astype(np.float32) / 32_768], BLOCK_SAMPLES))

    flac = encoded(blocks)
    lossless = encoded(blocks[:1])

    noise_left = decoded(flac).astype(float) - samples
    frames = slice(0, samples.size // 4096 * 4096)
    by_frame = [
        np.square(part[frames].astype(float)).reshape(-1, 4096).mean(axis=1)
        for part in (samples, noise_left)
    ]
    assert (by_frame[1] < by_frame[0] * 10**-3 * 1.05).all()
    assert len(flac) / samples.size < 0.7 * len(lossless) / len(blocks[0])
    assert len(decoded(flac)) == len(samples)


def test_rounding_keeps_full_scale_and_silence():
    assert set(round_coarsely(np.array([-32_768.0, 32_767.0] * 4096))) == {-32_768, 30_720}
    assert round_coarsely(np.zeros(5_000)).tolist() == [0] * 5_000
    assert round_coarsely(np.array([1.0, -1, 2, 0])).tolist() == [1, -1, 2, 0]
    assert round_coarsely(np.zeros(0)).size == 0


def test_an_empty_recording_is_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 16_000)

    assert load_sound(tmp_path / "a.wav") == (Outline(0, b""), b"")

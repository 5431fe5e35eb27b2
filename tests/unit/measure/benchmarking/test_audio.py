"""Recordings made for the benchmark."""

from itertools import islice

import numpy as np
import pytest
import soundfile

from measure.benchmarking.audio import (
    InputError,
    load,
    pieces,
    source_files,
    varied,
    write_recording,
)

RATE_HZ = 16_000
RNG = np.random.default_rng(0)
TWO_S = (0.1 * RNG.standard_normal(2 * RATE_HZ)).astype(np.float32)
ONE_S = (0.1 * RNG.standard_normal(RATE_HZ)).astype(np.float32)


def written(path, *arguments, **more):
    write_recording(path, *arguments, **more)
    samples, rate_hz = soundfile.read(path, dtype="float32")
    assert rate_hz == RATE_HZ
    return samples


@pytest.mark.parametrize("length_s", [0.5, 2.0, 7.25])
@pytest.mark.parametrize("ending", ["flac", "wav"])
def test_recording_has_exactly_the_requested_length(tmp_path, length_s, ending):
    samples = written(tmp_path / f"a.{ending}", [TWO_S], length_s)

    assert len(samples) == length_s * RATE_HZ


def test_sources_come_first_as_they_are_and_then_varied(tmp_path):
    samples = written(tmp_path / "a.flac", [TWO_S, ONE_S], 6.0)

    assert np.allclose(samples[: 2 * RATE_HZ], TWO_S, atol=1 / 32768)
    assert np.allclose(samples[2 * RATE_HZ : 3 * RATE_HZ], ONE_S, atol=1 / 32768)
    assert not np.allclose(samples[3 * RATE_HZ : 5 * RATE_HZ], TWO_S, atol=0.01)


def test_repetitions_differ():
    lengths = [len(piece) for piece in islice(pieces([TWO_S]), 8)]

    assert len(set(lengths)) == 8
    assert all(abs(length / len(TWO_S) - 1) <= 0.0601 for length in lengths)


def test_recordings_are_reproducible_and_differ_by_number(tmp_path):
    first = written(tmp_path / "a.wav", [ONE_S], 3.0)
    again = written(tmp_path / "b.wav", [ONE_S], 3.0)
    other = written(tmp_path / "c.wav", [ONE_S], 3.0, first=1)

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_varied_copy_stays_inside_full_scale():
    loud = np.sign(TWO_S)

    assert max(np.abs(varied(loud, (0, seed))).max() for seed in range(5)) < 1


def test_files_of_a_folder_are_sorted_by_name_and_resampled_to_16_khz(tmp_path):
    for name in ("b.wav", "a.flac"):
        soundfile.write(tmp_path / name, np.zeros((8000, 2), np.float32), 8000)
    (tmp_path / "notes.txt").write_text("no audio")

    files = source_files(tmp_path)

    assert [path.name for path in files] == ["a.flac", "b.wav"]
    assert len(load(files[0])) == RATE_HZ


@pytest.mark.parametrize("content", [b"", b"no audio at all"])
def test_unreadable_audio_is_refused(tmp_path, content):
    path = tmp_path / "a.wav"
    path.write_bytes(content)

    with pytest.raises(InputError, match=r"cannot use .*a\.wav"):
        load(path)


def test_folders_without_audio_are_refused(tmp_path):
    with pytest.raises(InputError, match="no audio file in"):
        source_files(tmp_path)
    with pytest.raises(InputError, match="folder not found"):
        source_files(tmp_path / "absent")

"""Wav headers that lie about their length."""

import struct

import numpy as np
import pytest

from diarization.audio import empty_size_place
from unit.made_audio import decoded, encoded, tone

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

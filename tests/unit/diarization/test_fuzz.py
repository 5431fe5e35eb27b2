"""Whatever bytes and parameters come, the answer is audio or a refusal, and RTTM reads back.

A segmentation fault or a hang of a decoder would end the test run itself.
"""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.audio import decode_blocks
from diarization.errors import InvalidParameterError, InvalidRequestError
from diarization.options import LimitOptions, Options
from diarization.request import KNOWN_NAMES, parse_request
from diarization.turns import Turn, format_rttm
from unit.made_audio import encoded, tone
from unit.seeded import seeded

N_SHORT = 1000
N_LONG = 20_000
LIMITS = LimitOptions(audio_s=60.0, upload_mb=1.0)
MP3 = ("MP3", "MPEG_LAYER_III")
KINDS = [
    ("WAV", "PCM_16"),
    ("WAV", "FLOAT"),
    ("WAVEX", "PCM_24"),
    ("RF64", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    MP3,
    ("AIFF", "PCM_16"),
    ("AU", "PCM_16"),
    ("CAF", "PCM_16"),
]
STEREO = np.stack([tone(0.05), tone(0.05, 300)], axis=1)
ID3 = b"ID3\x04\0\0\0\0\0\x11TIT2\0\0\0\x07\0\0\x03a name"
FILES = [
    *(encoded(STEREO, 16_000, kind) for kind in KINDS),
    # MPEG 2.5 and 1; 16 kHz is MPEG 2.
    encoded(tone(0.2, rate_hz=8000), 8000, MP3),
    ID3 + encoded(tone(0.1, rate_hz=44_100), 44_100, MP3),
]
MAGICS = [b"RIFF\xff\xff\xff\xffWAVEfmt ", b"fLaC", b"OggS", b"ID3", b"\xff\xfb\x90", b"FORM", b""]


def outcome_is_audio_or_a_refusal(file):
    try:
        for block in decode_blocks(file, 10.0, LIMITS):
            assert block.dtype == np.float32
            assert np.isfinite(block).all()
    except InvalidRequestError as refusal:
        text = str(refusal)
        assert "got " in text
        assert "expected " in text
        assert text.isprintable()


def damaged(file, seed):
    """The file with some bytes changed, taken out, doubled or cut off; mostly near its start."""
    rng = random.Random(seed)
    changed = bytearray(file)
    for _ in range(rng.randint(1, 6)):
        length = len(changed) if rng.random() < 0.3 else min(len(changed), 200)
        place = rng.randrange(max(length, 1))
        piece = rng.choice([1, 1, 2, 4, 8])
        action = rng.choice(["set", "set", "extreme", "cut", "remove", "repeat"])
        if action == "set":
            changed[place : place + piece] = rng.randbytes(piece)
        elif action == "extreme":
            changed[place : place + piece] = bytes([rng.choice([0, 0x7F, 0x80, 0xFF])]) * piece
        elif action == "cut":
            del changed[len(changed) - rng.randrange(len(changed) + 1) :]
        elif action == "remove":
            del changed[place : place + piece]
        else:
            changed[place:place] = changed[place : place + rng.randrange(300)]
    return bytes(changed)


def check_damaged_files(n_cases):
    for seed in range(n_cases):
        outcome_is_audio_or_a_refusal(damaged(FILES[seed % len(FILES)], seed))


def check_random_bytes(n_cases):
    for seed in range(n_cases):
        rng = random.Random(seed)
        outcome_is_audio_or_a_refusal(rng.choice(MAGICS) + rng.randbytes(rng.randrange(500)))


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([-1, 0, 1, 2, 100, 101, 10**9, 2**63]),
    st.floats(),
    st.text(max_size=300),
    st.text("ab ./\\\n\t\0\u2028\ud800é", max_size=20),
    st.sampled_from(["full", "classic", "../x", "..", "a" * 10_000]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
some_parameters = st.one_of(
    st.dictionaries(st.sampled_from(KNOWN_NAMES), anything, max_size=6),
    st.dictionaries(st.text(max_size=30), anything, max_size=3),
    st.fixed_dictionaries({"recording_id": st.text(min_size=1, max_size=260)}),
)
TURNS = [Turn(0.0, 1.25, 0), Turn(1.0, math.pi, 1)]


def check_parameters(parameters):
    """The parameters are refused in one line, or the request is read back from its RTTM."""
    try:
        asked = parse_request(parameters, Options())
    except InvalidParameterError as refusal:
        text = str(refusal)
        assert "expected " in text
        assert len(text) < 1500
        assert "\n" not in text
        return
    assert 1 <= asked.speakers.minimum <= asked.speakers.maximum <= 100
    rows = [line.split() for line in format_rttm(TURNS, asked.recording_id).splitlines()]
    assert [len(row) for row in rows] == [10, 10]
    assert {row[1] for row in rows} == {asked.recording_id}
    assert [row[7] for row in rows] == ["SPEAKER_00", "SPEAKER_01"]


def test_damaged_files():
    check_damaged_files(N_SHORT)


def test_random_bytes():
    check_random_bytes(N_SHORT)


@seeded(N_SHORT)
@given(some_parameters)
def test_parameters(parameters):
    check_parameters(parameters)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_many_damaged_files():
    check_damaged_files(2 * N_LONG)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_much_random_bytes():
    check_random_bytes(N_LONG)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@seeded(N_LONG // 2)
@given(some_parameters)
def test_many_parameters(parameters):
    check_parameters(parameters)

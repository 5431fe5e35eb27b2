import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.options import Options
from diarization.request import parse_request
from diarization.turns import Turn, format_rttm
from unit.seeded import seeded


def read_rttm(text):
    """(recording id, start in ms, end in ms, speaker) of every line, read as NIST's plan says."""
    rows = []
    for line in text.splitlines():
        kind, recording_id, channel, start, duration, *rest, speaker, _, _ = line.split()
        assert (kind, channel, rest) == ("SPEAKER", "1", ["<NA>", "<NA>"])
        start_ms, duration_ms = (round(float(field) * 1000) for field in (start, duration))
        rows.append((recording_id, start_ms, start_ms + duration_ms, speaker))
    return rows


def test_a_turn_is_a_line_of_ten_fields():
    text = format_rttm([Turn(0.5, 2.25, 0), Turn(2.25, 3661.0, 11)], "call_7")

    assert text == (
        "SPEAKER call_7 1 0.500 1.750 <NA> <NA> SPEAKER_00 <NA> <NA>\n"
        "SPEAKER call_7 1 2.250 3658.750 <NA> <NA> SPEAKER_11 <NA> <NA>\n"
    )


def test_no_turn_is_no_text():
    assert format_rttm([], "x") == ""


def test_neighbours_that_touch_still_touch_when_rounded():
    edge = 1.0005
    rows = read_rttm(format_rttm([Turn(0.0003, edge, 0), Turn(edge, 2.0007, 1)], "x"))

    assert rows[0][2] == rows[1][1]


def test_the_end_is_rounded_not_the_duration():
    # 0.0004 ... 1.0006: a rounded duration (1.000) would end the turn at 1.000 instead of 1.001
    assert format_rttm([Turn(0.0004, 1.0006, 0)], "x").split()[3:5] == ["0.000", "1.001"]


def test_a_hundred_speakers_have_names_of_their_own():
    names = [read_rttm(format_rttm([Turn(0, 1, label)], "x"))[0][3] for label in range(101)]

    assert len(set(names)) == 101
    assert names[100] == "SPEAKER_100"


def is_valid_id(text):
    """What the service promises to take as an id, said a second time."""
    refused = any(unicodedata.category(char)[0] in "CZ" for char in text)
    return not refused and "/" not in text and 1 <= len(text.encode()) <= 255


recording_ids = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters="/"), min_size=1, max_size=63
).filter(is_valid_id)


@st.composite
def turn_lists(draw):
    """Turns in order of time, in whole and half samples of up to 30 hours."""
    steps = draw(st.lists(st.integers(32, 10**8), min_size=2, max_size=20))
    labels = draw(st.lists(st.integers(0, 99), min_size=10, max_size=10))
    edges = [sum(steps[: i + 1]) / 32_000 for i in range(len(steps) // 2 * 2)]
    return [
        Turn(*edge, label)
        for *edge, label in zip(edges[::2], edges[1::2], labels[: len(edges) // 2], strict=True)
    ]


@seeded()
@given(turn_lists(), recording_ids)
def test_rttm_read_back_is_the_turns_to_a_millisecond(turns, recording_id):
    asked = parse_request({"recording_id": recording_id}, Options())
    rows = read_rttm(format_rttm(turns, asked.recording_id))

    assert len(rows) == len(turns)
    for turn, (read_id, start_ms, end_ms, speaker) in zip(turns, rows, strict=True):
        assert read_id == recording_id
        assert start_ms == pytest.approx(turn.start_s * 1000, abs=0.5001)
        assert end_ms == pytest.approx(turn.end_s * 1000, abs=0.5001)
        assert int(speaker.removeprefix("SPEAKER_")) == turn.label

"""Lines of turns and relabels, and who is shown as speaking."""

import io

import pytest

from live.screen import TurnLines


def turn(number, speaker, start_s, end_s, state="final"):
    return {
        "type": "turn", "id": number, "rev": 0, "speaker": speaker, "start_s": start_s,
        "end_s": end_s, "state": state, "confidence": 0.9,
    }  # fmt: skip


@pytest.fixture
def lines():
    return []


def show(lines, *events, live=False):
    screen = TurnLines(lines.append, live)
    for event in events:
        screen.show(event)
    screen.close()


def test_a_turn_is_a_line_once_it_is_final(lines):
    show(
        lines,
        turn(0, "SPEAKER_00", 12.34, 13.0, "partial"),
        turn(0, "SPEAKER_00", 12.34, 15.6),
        turn(1, "SPEAKER_01", 3599.99, 3600.5),
    )

    assert lines == ["  12.34 -   15.60  SPEAKER_00", "3599.99 - 3600.50  SPEAKER_01"]


def test_a_relabel_is_a_line_that_says_which_turns(lines):
    show(
        lines,
        turn(0, "SPEAKER_01", 1.0, 2.0),
        turn(1, "SPEAKER_01", 4.5, 5.0),
        {"type": "relabel", "from": "SPEAKER_01", "to": "SPEAKER_00", "until_s": 5.0},
        {
            "type": "relabel", "from": "SPEAKER_01", "to": "SPEAKER_02", "until_s": 5.0,
            "turns": [0, 1],
        },
    )  # fmt: skip

    assert lines[2:] == [
        "  until    5.00  SPEAKER_01 is SPEAKER_00",
        "  until    5.00  SPEAKER_01 is SPEAKER_02 in the turns from 1.00, 4.50",
    ]


def test_events_of_an_unknown_kind_are_ignored(lines):
    show(lines, {"type": "weather", "seq": 1}, {"type": "result", "rttm": ""})

    assert lines == []


def test_who_is_speaking_follows_turns_and_relabels(lines, monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr("sys.stderr", terminal)

    show(
        lines,
        {"type": "progress", "heard_s": 61.5, "final_s": 59.5},
        turn(0, "SPEAKER_00", 58.0, 59.5, "partial"),
        turn(1, "SPEAKER_01", 59.0, 59.5, "partial"),
        {"type": "relabel", "from": "SPEAKER_01", "to": "SPEAKER_02", "until_s": 59.5},
        turn(0, "SPEAKER_00", 58.0, 59.5),
        live=True,
    )

    shown = [line.strip() for line in terminal.getvalue().split("\r") if line.strip()]
    assert shown == [
        "0:01:01  -",
        "0:01:01  SPEAKER_00",
        "0:01:01  SPEAKER_00, SPEAKER_01",
        "0:01:01  SPEAKER_00, SPEAKER_02",
        "0:01:01  SPEAKER_02",
    ]


def test_nothing_is_shown_beside_the_lines_without_a_terminal(lines, capsys):
    show(lines, turn(0, "SPEAKER_00", 1.0, 2.0, "partial"))

    assert capsys.readouterr() == ("", "")

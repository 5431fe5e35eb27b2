"""Lines of turns, relabels and names, and who is shown as speaking."""

import io

import pytest

from live.screen import Named, TurnLines


def turn(number, speaker, start_s, end_s, state="final"):
    return {
        "type": "turn", "id": number, "rev": 0, "speaker": speaker, "start_s": start_s,
        "end_s": end_s, "state": state, "confidence": 0.9,
    }  # fmt: skip


def named(**names):
    """All names that are known from here on, by the number of the speaker."""
    return {"type": "voice", "names": {f"SPEAKER_0{own[-1]}": name for own, name in names.items()}}


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


def test_a_name_is_used_as_soon_as_it_is_known(lines, monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr("sys.stderr", terminal)

    show(
        lines,
        named(s1="Ana"),
        turn(0, "SPEAKER_01", 1.0, 2.0, "partial"),
        turn(0, "SPEAKER_01", 1.0, 2.5),
        turn(1, "SPEAKER_00", 3.0, 4.0),
        {"type": "relabel", "from": "SPEAKER_00", "to": "SPEAKER_01", "until_s": 5.0},
        live=True,
    )

    assert lines == [
        "   1.00 -    2.50  Ana",
        "   3.00 -    4.00  SPEAKER_00",
        "  until    5.00  SPEAKER_00 is Ana",
    ]
    assert "0:00:00  Ana" in terminal.getvalue()


def test_a_name_for_turns_that_were_printed_without_it_is_a_line(lines):
    show(
        lines,
        turn(0, "SPEAKER_01", 1.0, 2.0),
        turn(1, "SPEAKER_02", 4.5, 5.0, "partial"),
        {"type": "progress", "heard_s": 17.5, "final_s": 12.5},
        named(s1="Ana", s2="Ben", s3="Cleo"),
        named(s1="Ana", s2="Ben"),
    )

    assert lines[1:] == ["  until   12.50  SPEAKER_01 is Ana"]


def test_a_name_that_moves_is_given_up_before_it_is_given_again(lines):
    show(
        lines,
        named(s1="Ana"),
        turn(0, "SPEAKER_00", 1.0, 2.0),
        turn(1, "SPEAKER_01", 3.0, 4.0),
        named(s0="Ana"),
        {
            "type": "relabel", "from": "SPEAKER_01", "to": "SPEAKER_02", "until_s": 5.0,
            "turns": [1],
        },
        named(s1="Ben", s2="Cleo"),
    )  # fmt: skip

    assert lines[2:] == [
        "  until    0.00  Ana is SPEAKER_01",
        "  until    0.00  SPEAKER_00 is Ana",
        "  until    5.00  SPEAKER_01 is SPEAKER_02 in the turns from 3.00",
        "  until    0.00  Ana is SPEAKER_00",
        "  until    0.00  SPEAKER_02 is Cleo",
    ]


class Shown(list):
    """A screen that keeps its events."""

    show = list.append


def voice(speaker, *embedding):
    return {
        "seq": 7, "type": "voice", "speaker": speaker, "embedding": list(embedding) or None,
        "network": "campplus",
    }  # fmt: skip


def test_all_voices_that_are_known_are_named_together():
    asked, shown = [], Shown()

    def names_of(speakers):
        asked.append((speakers.names, speakers.network, speakers.centroids.tolist()))
        return {speakers.names[0]: "Ana"}

    screen = Named(shown, names_of)
    for event in (voice("SPEAKER_01", 0, 2), voice("SPEAKER_00", 1, 0), voice("SPEAKER_01")):
        screen.show(event)

    assert asked == [
        (["SPEAKER_01"], "campplus", [[0, 1]]),
        (["SPEAKER_01", "SPEAKER_00"], "campplus", [[0, 1], [1, 0]]),
        (["SPEAKER_00"], "campplus", [[1, 0]]),
    ]
    names = [{"SPEAKER_01": "Ana"}, {"SPEAKER_01": "Ana"}, {"SPEAKER_00": "Ana"}]
    assert shown == [{"seq": 7, "type": "voice", "names": each} for each in names]


def test_without_a_voice_there_is_no_name_and_results_are_shown_without_voices():
    shown = Shown()
    screen = Named(shown, None)
    screen.show(voice("SPEAKER_01"))
    screen.show({"type": "result", "rttm": "", "labels": [0], "embeddings": [[1.0]]})

    assert shown == [
        {"seq": 7, "type": "voice", "names": {}},
        {"type": "result", "rttm": ""},
    ]

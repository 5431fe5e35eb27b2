from dataclasses import replace
from pathlib import Path

import pytest

from console.summary import Screen, list_summary, recording_summary
from inputs.recordings import Recording
from sending.outcome import Answer


def answer(*turns, audio_s=60.0, name="talk"):
    rttm = "".join(
        f"SPEAKER {name} 1 {begin_s:.3f} {length_s:.3f} <NA> <NA> {speaker} <NA> <NA>\n"
        for begin_s, length_s, speaker in turns
    )
    info = {} if audio_s is None else {"audio_s": audio_s}
    return Answer(Recording(name, Path("talk.wav")), rttm.encode(), info, 3.21)


TWO = answer((0, 10, "Ben"), (10, 20, "Anna"), (30, 10, "Anna"))


def test_speakers_come_by_talk_time_with_their_share_and_turns():
    assert recording_summary(TWO, Screen(columns=60)) == [
        "talk: 0:01:00 of audio, 2 speakers, 3 turns, took 3.2 s",
        "  Anna  0:00:30   75%    2 turns  " + "█" * 25,
        "  Ben   0:00:10   25%     1 turn  " + "█" * 8,
    ]


def test_no_speech_and_one_speaker_are_words():
    assert recording_summary(answer(), Screen()) == [
        "talk: 0:01:00 of audio, no speech, took 3.2 s"
    ]
    head, line = recording_summary(answer((0, 1, "a"), audio_s=None), Screen())
    assert head == "talk: 1 speaker, 1 turn, took 3.2 s"
    assert line.split()[:3] == ["a", "0:00:01", "100%"]


def test_an_unreadable_answer_is_summarized_without_speakers():
    broken = Answer(Recording("talk", Path("a")), b"SPEAKER talk\n", {"audio_s": 60}, 1.0)

    assert recording_summary(broken, Screen()) == ["talk: 0:01:00 of audio, took 1.0 s"]


def test_bars_are_of_what_the_terminal_can_show():
    assert "#" * 25 in recording_summary(TWO, Screen(60, unicode=False))[1]
    assert "\x1b[36m" + "█" * 25 + "\x1b[0m" in recording_summary(TWO, Screen(60, colour=True))[1]
    assert "\x1b" not in "".join(recording_summary(TWO, Screen(60)))


@pytest.mark.parametrize("columns", [20, 40, 80, 300])
def test_no_line_of_speakers_is_longer_than_the_terminal_or_has_too_long_a_bar(columns):
    lines = recording_summary(TWO, Screen(columns))[1:]

    assert max(map(len, lines)) < max(columns, 40)
    assert lines[0].count("█") <= 40


def test_wide_characters_keep_the_columns_in_line():
    lines = recording_summary(
        answer((0, 10, "語語"), (10, 5, "Ben"), (20, 3, "Zoe\u0301"), (30, 2, "می\u200cخ")),
        Screen(),
    )

    assert [line.split("0:00")[0] for line in lines[1:]] == [
        "  語語  ",
        "  Ben   ",
        "  Zoe\u0301   ",
        "  می\u200cخ   ",
    ]


def test_names_are_cut_and_escaped():
    _, first, second = recording_summary(
        answer((0, 10, "x" * 100), (10, 5, "\x1b[31mred")), Screen(colour=False)
    )

    assert first.startswith("  " + "x" * 27 + "...  0:00:10")
    assert second.startswith(r"  \x1b[31mred  ")


def test_a_list_is_summed_up():
    answers = [TWO, answer((0, 1, "a"), audio_s=3600.0), answer(audio_s=None)]

    assert list_summary(answers, 2, 0, 36.6) == [
        "recordings  3 done, 2 failed",
        "audio       1:01:00",
        "speakers    1.0 per recording, 0 to 2",
        "time        0:00:36, 100.0 times as fast as real time",
    ]


def test_a_list_counts_the_doubtful_recordings():
    sure, unsure = (
        replace(TWO, info={"unlike_share": share, "more_speakers_likely": share > 0.02})
        for share in (0.01, 0.1)
    )

    def speakers(*answers):
        return list_summary(answers, 0, 0, 1.0)[2]

    assert speakers(TWO, sure) == "speakers    2.0 per recording, 2 to 2"
    doubt = "; more may be present in 1 recording"
    assert speakers(TWO, sure, unsure) == f"speakers    2.0 per recording, 2 to 2{doubt}"


def test_a_list_without_answers_has_no_speed():
    assert list_summary([], 2, 3, 1.0) == [
        "recordings  0 done, 2 failed, 3 done by an earlier run",
        "time        0:00:01",
    ]

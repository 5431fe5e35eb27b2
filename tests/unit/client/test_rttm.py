import pytest

from formats.result import FormatError, Turn
from formats.rttm import read_rttm, rttm_text, turns_in_rttm, turns_of

TURNS = (Turn(0, 4_007, "Ana"), Turn(2_500, 3_000, "Ben", channel=2))


def test_what_is_written_reads_back(tmp_path):
    file = tmp_path / "a.rttm"
    file.write_text(rttm_text("a", TURNS[::-1]))

    assert file.read_text().splitlines()[1] == ("SPEAKER a 2 2.500 0.500 <NA> <NA> Ben <NA> <NA>")
    assert turns_of(read_rttm(file)["a"]) == TURNS


def test_turns_of_other_tools_are_read():
    lines = [
        "speaker a A 2 1.5 <NA> <NA> Ben <NA>",
        ";; a comment",
        "SPKR-INFO a 1 <NA> <NA> <NA> unknown Ana <NA>",
        "SPEAKER a 1 0 1 <NA> <NA> Ana <NA> <NA>",
        "SPEAKER a 1 3 0 <NA> <NA> Ana <NA> <NA>",
    ]

    assert turns_of(lines) == (Turn(0, 1_000, "Ana"), Turn(2_000, 3_500, "Ben"))


def test_rttm_is_read_to_the_millisecond():
    text = "SPEAKER a 1 6.756 0.422 <NA> <NA> SPEAKER_00 <NA> <NA>\n"

    assert turns_in_rttm(text, [0.5]) == (Turn(6_756, 7_178, "SPEAKER_00", 0.5),)
    assert turns_in_rttm("") == ()


@pytest.mark.parametrize(
    "line",
    [
        "SPEAKER a 1 0 1",
        "SPKR-INFO a 1 0 1 <NA> <NA> x <NA> <NA>",
        "SPEAKER a 1 inf 1 <NA> <NA> x <NA> <NA>",
        "SPEAKER a 1 x 1 <NA> <NA> x <NA> <NA>",
        "SPEAKER a left 0 1 <NA> <NA> x <NA> <NA>",
    ],
)
def test_a_line_that_is_not_a_turn_is_refused(line):
    with pytest.raises(FormatError, match=f"holds '{line}', expected a SPEAKER line"):
        turns_in_rttm(line)


def test_as_many_confidences_as_turns_are_expected():
    with pytest.raises(FormatError, match="CONFIDENCE has 2 values, expected 1, one per turn"):
        turns_in_rttm("SPEAKER a 1 0 1 <NA> <NA> x <NA> <NA>\n", [0.5, 0.5])

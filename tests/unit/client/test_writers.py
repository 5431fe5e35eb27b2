"""Every format, read back by an independent reader."""

import csv
import io
import json
from pathlib import Path

import jsonschema
import pytest
import srt
import webvtt
from hypothesis import example, given
from praatio import textgrid
from pyannote.database.util import load_rttm, load_uem

import formats
from formats import FORMATS
from formats.result import Doubt, FormatError, Result, Turn
from formats.rttm import turns_in_rttm
from formats.writers import NO_SPEECH_TIER, spreadsheet_text
from unit.client_results import APART, OVERLAPPING, SILENT, results, served_rttm, turns_of
from unit.seeded import seeded

SCHEMA = json.loads((Path(formats.__file__).parent / "turns.schema.json").read_text())


def ms(time_s):
    """Milliseconds, to be equal to the ones written."""
    return round(float(time_s) * 1000)


def written(token, result):
    return FORMATS[token].text(result)


def any_result(test):
    """Give the test planted results and drawn ones."""
    for planted in (OVERLAPPING, APART, SILENT):
        test = example(result=planted)(test)
    return seeded()(given(result=results())(test))


def channels_of(result):
    """The channel expected for every turn; None unless channels are separate."""
    return [turn.channel if result.n_separate else None for turn in result.turns]


def read_json(text):
    document = json.loads(text)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


@any_result
def test_json_fits_its_schema_and_says_all_of_it(result):
    text = written("json", result)
    document = read_json(text)

    assert text.count("\n") == 1  # so several make JSON lines
    assert document["recording_id"] == result.recording_id
    assert ms(document["audio_s"]) == result.audio_ms
    assert document["mode"] == result.mode
    assert [
        (ms(turn["start_s"]), ms(turn["end_s"]), turn["speaker"]) for turn in document["turns"]
    ] == turns_of(result)
    assert [turn["confidence"] for turn in document["turns"]] == [
        turn.confidence for turn in result.turns
    ]
    assert [turn.get("channel") for turn in document["turns"]] == channels_of(result)
    doubt = None
    if "unlike_share" in document:
        doubt = Doubt(document["unlike_share"], document["more_speakers_likely"])
    assert doubt == result.doubt


def test_json_sums_the_talk_of_every_speaker_by_first_appearance():
    speakers = json.loads(written("json", OVERLAPPING))["speakers"]

    assert speakers == [
        {"speaker": "SPEAKER_00", "talk_s": 1.002},
        {"speaker": "SPEAKER_01", "talk_s": 1.1},
    ]


def test_the_schema_is_valid_and_refuses_what_it_does_not_describe():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(written("json", OVERLAPPING))
    document["turns"][0]["confidence"] = 1.5

    with pytest.raises(jsonschema.ValidationError, match=r"1\.5 is greater than the maximum"):
        jsonschema.Draft202012Validator(SCHEMA).validate(document)


def test_channels_count_from_1():
    document = json.loads(written("json", APART))
    document["turns"][0]["channel"] = 0

    with pytest.raises(jsonschema.ValidationError, match="0 is less than the minimum"):
        jsonschema.Draft202012Validator(SCHEMA).validate(document)


@any_result
def test_srt_has_a_cue_per_turn(result):
    cues = list(srt.parse(written("srt", result)))

    times = [
        (ms(cue.start.total_seconds()), ms(cue.end.total_seconds()), cue.content) for cue in cues
    ]
    assert times == turns_of(result)
    assert [cue.index for cue in cues] == list(range(1, len(result.turns) + 1))


@any_result
def test_vtt_has_a_cue_per_turn_in_its_speakers_voice(result):
    captions = webvtt.from_string(written("vtt", result), strict=True).captions

    assert [(clock_ms(cue.start), clock_ms(cue.end), cue.voice) for cue in captions] == turns_of(
        result
    )
    assert [cue.text for cue in captions] == [turn.speaker for turn in result.turns]


def clock_ms(text):
    hours, minutes, seconds = text.split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000 + ms(seconds)


def test_a_name_with_vtts_own_characters_stays_a_name():
    text = written("vtt", Result("a", (Turn(0, 1, "<b>&"),), 1, "full"))

    assert text.endswith("<v &lt;b&gt;&amp;>&lt;b&gt;&amp;\n")


@any_result
def test_audacity_has_a_label_per_turn(result):
    rows = csv.reader(io.StringIO(written("audacity", result)), delimiter="\t")

    assert [(ms(start), ms(end), label) for start, end, label in rows] == turns_of(result)


@any_result
def test_csv_has_a_row_per_turn(result):
    rows = list(csv.DictReader(io.StringIO(written("csv", result))))

    assert [(ms(row["start_s"]), ms(row["end_s"]), row["speaker"]) for row in rows] == turns_of(
        result
    )
    assert {row["recording_id"] for row in rows} <= {result.recording_id}
    assert [float(row["confidence"]) for row in rows] == [turn.confidence for turn in result.turns]
    channels = [int(row["channel"]) if "channel" in row else None for row in rows]
    assert channels == channels_of(result)


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0"),
        ("+1", "'+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\nx", "'\nx"),
        ("\uff1d1", "'\uff1d1"),  # full width
        ("\uff0b1", "'\uff0b1"),
        ("\uff0d1", "'\uff0d1"),
        ("\uff20A", "'\uff20A"),
        ('"=1"', '\'"=1"'),
        ("'=1", "''=1"),  # so that one quote less is the name, always
        ("a;=1", "a;'=1"),  # a spreadsheet that has the comma in numbers
        ('a;"=1";@b', "a;'\"=1\";'@b"),
    ],
)
def test_csv_holds_no_formula(name, cell):
    text = written("csv", Result(name, (Turn(0, 1_000, name, 0.5),), 1_000, "full"))

    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert (row["recording_id"], row["speaker"]) == (cell, cell)
    assert list(row.values())[1:3] == ["0.000", "1.000"]


@pytest.mark.parametrize("white", "\t\r\n")
def test_a_cell_does_not_begin_with_white_space_that_hides_a_formula(white):
    assert spreadsheet_text(f"{white}x") == f"'{white}x"  # ids and names have none


@pytest.mark.parametrize(
    "name", ["SPEAKER_00", "Ana-María", "O'Neill", "a=b", "'", "a;b", "d'Arc;"]
)
def test_csv_leaves_other_names_as_they_are(name):
    text = written("csv", Result("a", (Turn(0, 1_000, name, 0.5),), 1_000, "full"))

    assert next(csv.DictReader(io.StringIO(text)))["speaker"] == name


def test_csv_of_separate_channels_has_a_column_more_at_its_end():
    header, _, second, _ = written("csv", APART).splitlines()

    assert header == "recording_id,start_s,end_s,speaker,confidence,channel"
    assert second == "call,0.500,1.600,CH2_SPEAKER_00,0.25,2"


def test_csv_without_turns_is_its_header():
    assert written("csv", SILENT) == "recording_id,start_s,end_s,speaker,confidence\n"


@pytest.fixture(scope="module")
def read_from(tmp_path_factory):
    """A function that gives a text to a reader that takes files only."""
    path = tmp_path_factory.mktemp("formats") / "written"

    def read(reader, text):
        path.write_text(text, encoding="utf-8")
        return reader(str(path))

    return read


@any_result
def test_uem_is_the_whole_recording(read_from, result):
    ((name, stretches),) = read_from(load_uem, written("uem", result)).items()

    assert name == result.recording_id
    whole = [(0, result.audio_ms)] if result.audio_ms else []  # an empty stretch is not kept
    assert [(stretch.start, ms(stretch.end)) for stretch in stretches] == whole


@pytest.mark.parametrize(
    ("n_separate", "text"),
    [
        (None, "a 1 0.000 1.500\n"),
        (1, "a 1 0.000 1.500\n"),
        (3, "a 1 0.000 1.500\na 2 0.000 1.500\na 3 0.000 1.500\n"),
    ],
)
def test_uem_has_a_line_for_every_separate_channel(n_separate, text):
    assert written("uem", Result("a", (), 1_500, "full", n_separate)) == text


def open_grid(path):
    return textgrid.openTextgrid(path, includeEmptyIntervals=True, reportingMode="error")


@any_result
def test_textgrid_has_a_tier_per_speaker_filled_from_0_to_the_audios_end(read_from, result):
    grid = read_from(open_grid, written("textgrid", result))
    end_ms = max(result.audio_ms, 1)

    assert list(grid.tierNames) == (result.speakers or [NO_SPEECH_TIER])
    assert (grid.minTimestamp, ms(grid.maxTimestamp)) == (0, end_ms)
    for name in grid.tierNames:
        entries = [(ms(begin), ms(end), text) for begin, end, text in grid.getTier(name)]
        spoken = [entry for entry in entries if entry[2]]
        assert spoken == [turn for turn in turns_of(result) if turn[2] == name]
        begins, ends = [entry[0] for entry in entries], [entry[1] for entry in entries]
        assert [*begins, end_ms] == [0, *ends]


def test_overlapping_turns_of_one_speaker_make_no_overlapping_intervals(read_from):
    turns = (Turn(0, 1_000, "A"), Turn(500, 2_000, "A"), Turn(600, 700, "A"))

    grid = read_from(open_grid, written("textgrid", Result("a", turns, 2_000, "full")))

    assert [tuple(entry) for entry in grid.getTier("A")] == [(0, 1, "A"), (1, 2, "A")]


def test_a_quote_in_a_name_is_read_back(read_from):
    text = written("textgrid", Result("a", (Turn(0, 1_000, 'x"y'),), 1_000, "full"))

    assert 'text = "x""y"' in text
    assert read_from(open_grid, text).tierNames[0].replace('""', '"') == 'x"y'


@pytest.mark.parametrize("token", ["json", "textgrid", "uem"])
def test_a_format_of_the_whole_recording_needs_its_length(token):
    with pytest.raises(FormatError, match="INFO holds no audio_s, expected seconds of audio"):
        written(token, Result("a", (), None, "full"))


def test_json_needs_the_mode():
    with pytest.raises(FormatError, match="INFO holds no mode, expected full or classic"):
        written("json", Result("a", (), 1_000))


@any_result
def test_the_servers_rttm_is_read_as_pyannote_reads_it(read_from, result):
    rttm = served_rttm(result)

    turns = turns_in_rttm(rttm)
    read = [(turn.start_ms, turn.end_ms, turn.speaker) for turn in turns]

    assert read == turns_of(result)
    assert [turn.channel for turn in turns] == [turn.channel for turn in result.turns]
    annotations = read_from(load_rttm, rttm)
    assert set(annotations) == ({result.recording_id} if result.turns else set())
    for annotation in annotations.values():
        tracks = annotation.itertracks(yield_label=True)
        assert sorted(read) == sorted(
            (ms(segment.start), ms(segment.end), label) for segment, _, label in tracks
        )

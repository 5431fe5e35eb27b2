"""What a client may ask for, rule by rule."""

import pytest

from diarization.errors import DiarizationError, InvalidRequestError
from diarization.options import MAX_SPEAKERS_CEILING, Options, RequestDefaults, SpeakerBounds
from diarization.request import DEFAULT_RECORDING_ID, MAX_ID_BYTES, RequestOptions, parse_request

DEFAULT = SpeakerBounds(1, 30)
# Unicode's Bidi_Control, and what takes no room; tests/unit/client/test_text.py has them too.
MISLEADING_CHARACTERS = (
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u2060\ufeff"
)


def request(parameters, default=DEFAULT, mode="full"):
    return parse_request(parameters, Options(speakers=default, default=RequestDefaults(mode)))


def speakers(default=DEFAULT, **parameters):
    bounds = request(parameters, default).speakers
    return bounds.minimum, bounds.maximum


def refusal(parameters, default=DEFAULT):
    with pytest.raises(InvalidRequestError) as error:
        request(parameters, default)
    assert isinstance(error.value, DiarizationError)
    assert "expected" in str(error.value)
    return str(error.value)


def test_no_parameters_give_the_defaults():
    assert request({}) == RequestOptions(DEFAULT_RECORDING_ID, DEFAULT, "full")
    assert parse_request({}, Options()) == request({}, SpeakerBounds(1, 100))
    assert request({}).recording_id == "recording"
    assert request({}).exclusive is False
    assert request({}).channels == "mix"
    assert speakers(SpeakerBounds(2, 4)) == (2, 4)


def test_an_unknown_parameter_is_named_with_the_known_ones():
    text = refusal({"n_speakers": 2})

    assert "'n_speakers' is unknown" in text
    counts = "num_speakers, min_speakers, max_speakers"
    assert f"recording_id, mode, exclusive, channels, {counts}" in text


@pytest.mark.parametrize("name", ["", "Num_Speakers", "sequence", "triton", "timeouts", "id"])
def test_names_near_known_ones_are_unknown(name):
    assert f"'{name}' is unknown" in refusal({name: 1})


@pytest.mark.parametrize(
    "name",
    [
        "sequence_id",
        "sequence_start",
        "triton_enable_empty_final_response",
        "priority",
        "timeout",
        "headers",
        "binary_data_output",
    ],
)
def test_parameters_of_triton_itself_are_ignored(name):
    asked = request({name: "anything", "num_speakers": 2})

    assert asked == RequestOptions("recording", SpeakerBounds(2, 2), "full")


@pytest.mark.parametrize("default", ["full", "classic"])
@pytest.mark.parametrize("mode", ["full", "classic"])
def test_a_requested_mode_wins_over_the_default(mode, default):
    assert request({"mode": mode}, mode=default).mode == mode
    assert request({}, mode=default).mode == default


@pytest.mark.parametrize(
    "mode",
    ["", "Full", "fast", "full ", b"full", 0, 1, True, False, None, 1.5, ["full"], {"full": 1}],
)
def test_an_unknown_mode_is_named_with_the_known_ones(mode):
    assert refusal({"mode": mode}) == (
        f"parameter 'mode': got {str(mode)!r}, expected one of full, classic"
    )


@pytest.mark.parametrize("mode", ["full", "classic"])
@pytest.mark.parametrize("exclusive", [True, False])
def test_exclusive_may_be_requested_in_either_mode(mode, exclusive):
    asked = request({"exclusive": exclusive, "mode": mode, "num_speakers": 2})

    assert asked == RequestOptions("recording", SpeakerBounds(2, 2), mode, exclusive)
    assert asked.exclusive is exclusive


@pytest.mark.parametrize(
    "value", [0, 1, 1.0, "true", "false", "True", "", b"true", None, [], [True], {}]
)
def test_exclusive_must_be_true_or_false(value):
    assert refusal({"exclusive": value}) == (
        f"parameter 'exclusive': got {str(value)!r}, expected true or false"
    )


@pytest.mark.parametrize("channels", ["mix", "first", "separate"])
def test_requested_channels_are_kept(channels):
    assert request({"channels": channels, "exclusive": True}).channels == channels


@pytest.mark.parametrize("value", ["", "Mix", "second", "mix ", b"mix", 0, 1, True, None, ["mix"]])
def test_an_unknown_choice_of_channels_is_named_with_the_known_ones(value):
    assert refusal({"channels": value}) == (
        f"parameter 'channels': got {str(value)!r}, expected one of mix, first, separate"
    )


@pytest.mark.parametrize("name", ["mode", "exclusive", "channels"])
def test_a_long_wrong_text_is_not_sent_back_whole(name):
    assert len(refusal({name: "full" * 10_000})) < 200


@pytest.mark.parametrize(
    "recording_id",
    [
        "a",
        "call_7.wav",
        "..",
        "éè",
        "会议",
        "mañana-2024",
        "📞",
        "<NA>",
        ";;",
        "x" * MAX_ID_BYTES,
        "é" * (MAX_ID_BYTES // 2),
    ],
)
def test_ids_in_any_script_are_kept(recording_id):
    assert request({"recording_id": recording_id}).recording_id == recording_id


@pytest.mark.parametrize(
    "recording_id",
    ["👩‍👧", "می‌خواهم", "\U000323b0"],
    ids=["emoji joined", "Persian word", "newer than this Python's Unicode"],
)
def test_ids_may_hold_characters_that_are_neither_white_space_nor_control(recording_id):
    assert request({"recording_id": recording_id}).recording_id == recording_id


@pytest.mark.parametrize(
    "recording_id",
    [
        "",
        " ",
        "a b",
        "a\tb",
        "a\n",
        "a/b",
        "a\x00b",
        "a\x1fb",
        "a\x7fb",
        "a\x85b",
        "a\xa0b",
        "a\u2028b",
        "a\u3000b",
        "a\ud800b",
        "x" * (MAX_ID_BYTES + 1),
        "é" * 128,
        "📞" * 64,
        "\ud83d" * 86,
        b"bytes",
        7,
        1.5,
        True,
        None,
        ["a"],
    ],
)
def test_ids_that_do_not_fit_an_rttm_line_are_refused(recording_id):
    text = refusal({"recording_id": recording_id})

    assert "parameter 'recording_id': got " in text
    assert f"1 to {MAX_ID_BYTES} bytes without white space, control characters, direction " in text
    assert text.encode(), "can be sent: surrogates are escaped"


@pytest.mark.parametrize("mark", MISLEADING_CHARACTERS)
def test_an_id_with_misleading_characters_is_refused_and_they_are_shown(mark):
    text = refusal({"recording_id": f"invoice{mark}gpj"})

    assert f"got 'invoice\\u{ord(mark):04x}gpj', expected 1 to" in text
    assert "direction marks, zero-width spaces or '/'" in text
    assert mark not in text


@pytest.mark.parametrize(
    "recording_id", ["👨\u200d👩\u200d👧", "می\u200cخواهم", "क्\u200dष", "שלום"]
)
def test_joiners_and_letters_of_any_direction_are_allowed_in_an_id(recording_id):
    assert request({"recording_id": recording_id}).recording_id == recording_id


@pytest.mark.parametrize("name", ["num_speakers", "min_speakers", "max_speakers"])
@pytest.mark.parametrize(
    "value", [0, -1, MAX_SPEAKERS_CEILING + 1, 2**40, True, False, 2.0, 1.5, "2", "", None, [2], {}]
)
def test_a_count_that_is_no_integer_in_range_is_refused(name, value):
    text = refusal({name: value})

    assert f"parameter '{name}': got {str(value)[:40]!r}" in text
    assert f"expected an integer from 1 to {MAX_SPEAKERS_CEILING}" in text


def test_a_long_wrong_value_is_not_sent_back_whole():
    assert len(refusal({"num_speakers": "9" * 10_000})) < 200


@pytest.mark.parametrize("count", [1, 2, 30, 31, MAX_SPEAKERS_CEILING])
def test_num_speakers_is_both_bounds(count):
    assert speakers(num_speakers=count) == (count, count)
    assert speakers(SpeakerBounds(2, 4), num_speakers=count) == (count, count)


@pytest.mark.parametrize(
    ("asked", "bounds"),
    [
        ({"min_speakers": 3}, (3, 30)),
        ({"max_speakers": 3}, (1, 3)),
        ({"min_speakers": 2, "max_speakers": 4}, (2, 4)),
        ({"min_speakers": 4, "max_speakers": 4}, (4, 4)),
        ({"max_speakers": 100}, (1, 100)),
        ({"min_speakers": 31}, (31, 31)),
        ({"min_speakers": 40}, (40, 40)),
        ({"min_speakers": 40, "max_speakers": 50}, (40, 50)),
    ],
)
def test_a_requested_bound_wins_over_the_default(asked, bounds):
    assert speakers(**asked) == bounds


def test_a_maximum_below_the_default_minimum_wins_too():
    assert speakers(SpeakerBounds(3, 8), max_speakers=2) == (2, 2)
    assert speakers(SpeakerBounds(3, 8), max_speakers=5) == (3, 5)
    assert speakers(SpeakerBounds(3, 8), min_speakers=1) == (1, 8)


def test_a_minimum_above_the_maximum_is_refused():
    assert "got min_speakers 5 > max_speakers 4" in refusal({"min_speakers": 5, "max_speakers": 4})


@pytest.mark.parametrize(
    "asked",
    [
        {"num_speakers": 3, "min_speakers": 3},
        {"num_speakers": 3, "max_speakers": 3},
        {"num_speakers": 3, "min_speakers": 1, "max_speakers": 9},
    ],
)
def test_num_speakers_within_the_bounds_is_accepted(asked):
    assert speakers(**asked) == (3, 3)


@pytest.mark.parametrize(
    "asked",
    [
        {"num_speakers": 2, "min_speakers": 3},
        {"num_speakers": 4, "max_speakers": 3},
        {"num_speakers": 9, "min_speakers": 1, "max_speakers": 3},
    ],
)
def test_num_speakers_outside_the_bounds_is_refused(asked):
    assert f"parameter 'num_speakers': got {asked['num_speakers']}" in refusal(asked)

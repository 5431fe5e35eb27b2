"""Options of the service: defaults, checks, and parameters of config.pbtxt."""

from dataclasses import FrozenInstanceError, asdict

import pytest

from diarization.options import (
    MAX_SPEAKERS_CEILING,
    ConfigError,
    Options,
    SpeakerBounds,
    option_names,
    parse_options,
)

DEFAULTS = {
    f"{section}.{name}": value
    for section, values in asdict(Options()).items()
    for name, value in values.items()
}

OTHER_VALUES = {
    "sad.onset": "0.61",
    "sad.offset": "0.11",
    "sad.fill_s": "0.017",
    "sad.drop_s": "0.31",
    "sad.pad_s": "0.011",
    "sad.level_s": "30",
    "sad.block_s": "61",
    "sad.cut_search_s": "5.5",
    "window.length_s": "2.1",
    "window.hop_s": "0.55",
    "window.analysis": "povey",
    "cluster.few_windows": "2",
    "cluster.join_distance": "0.99",
    "cluster.stretch_windows": "2000",
    "cluster.same_voice": "1",
    "cluster.other_voice": "0",
    "cluster.neighbours": "1",
    "cluster.windows_per_speaker": "1",
    "cluster.stranger_similarity": "-1",
    "cluster.seed": "7",
    "cluster.sharpness": "0.1",
    "frames.chunk_hop_s": "9.9",
    "frames.sparse_hop_s": "9.9",
    "frames.overlap_share": "0",
    "frames.speech": "0.99",
    "frames.fill_s": "0",
    "frames.drop_s": "0",
    "frames.window_s": "1.5",
    "frames.window_hop_s": "0.75",
    "frames.cluster_share": "1",
    "frames.evidence_share": "0.5",
    "frames.join_distance": "1",
    "frames.stranger_similarity": "-1",
    "frames.reach_s": "0.1",
    "frames.window_weight": "0",
    "frames.least_active_s": "0",
    "frames.least_turn_s": "0",
    "frames.turn_fill_s": "0",
    "default.mode": "classic",
    "speakers.minimum": "2",
    "speakers.maximum": "99",
    "calls.windows": "1",
    "calls.chunks": "1",
    "calls.in_flight": "1",
    "limits.audio_s": "0.5",
    "limits.upload_mb": "0.1",
}


def refusal(parameters):
    with pytest.raises(ConfigError) as error:
        parse_options(parameters)
    return str(error.value)


def test_nothing_set_is_all_defaults():
    assert parse_options({}) == Options()


def test_all_defaults_set_are_all_defaults():
    assert parse_options({key: str(value) for key, value in DEFAULTS.items()}) == Options()


def test_every_option_has_a_name():
    assert sorted(option_names()) == sorted(DEFAULTS) == sorted(OTHER_VALUES)


@pytest.mark.parametrize("key", OTHER_VALUES)
def test_one_option_set_changes_that_one(key):
    section, name = key.split(".")
    options = asdict(parse_options({key: OTHER_VALUES[key]}))

    wanted = type(DEFAULTS[key])(OTHER_VALUES[key])
    assert options[section][name] == wanted != DEFAULTS[key]
    options[section][name] = DEFAULTS[key]
    assert options == asdict(Options())


@pytest.mark.parametrize(
    "key",
    ["onset", "sad", "sad.", ".onset", "", "sad.Onset", "sad.onset.x", "vad.onset", " sad.onset"],
)
def test_an_unknown_key_is_named_with_the_known_ones(key):
    text = refusal({key: "0.5"})

    assert f"unknown parameter '{key}'" in text
    assert all(name in text for name in option_names())


@pytest.mark.parametrize("key", [key for key, value in DEFAULTS.items() if type(value) is not str])
@pytest.mark.parametrize("text", ["", "many", "0,5", "1 2", "None"])
def test_a_value_of_the_wrong_type_is_named_with_its_key(key, text):
    kind = type(DEFAULTS[key]).__name__

    assert refusal({key: text}) == f"parameter '{key}': got '{text}', expected {kind}"


@pytest.mark.parametrize("key", [key for key, value in DEFAULTS.items() if type(value) is int])
def test_an_integer_option_refuses_fractions(key):
    assert f"'{key}': got '7.5', expected int" in refusal({key: "7.5"})


@pytest.mark.parametrize(
    "parameters",
    [
        {"sad.onset": "0"},
        {"sad.onset": "1"},
        {"sad.onset": "0.3", "sad.offset": "0.4"},
        {"sad.offset": "0"},
        {"sad.offset": "0.99"},
        {"sad.fill_s": "-0.1"},
        {"sad.pad_s": "-0.1"},
        {"sad.drop_s": "0.02"},
        {"sad.level_s": "0.03"},
        {"sad.block_s": "30", "sad.cut_search_s": "30"},
        {"sad.cut_search_s": "0"},
        {"sad.cut_search_s": "0.031"},
        {"sad.block_s": "0.063", "sad.cut_search_s": "0.032"},
        {"window.length_s": "0.02"},
        {"window.hop_s": "0"},
        {"window.hop_s": "1.6", "window.length_s": "1.5"},
        {"window.analysis": "hann"},
        {"cluster.few_windows": "1"},
        {"cluster.join_distance": "0"},
        {"cluster.join_distance": "1.1"},
        {"cluster.stretch_windows": "24"},
        {"cluster.stretch_windows": "2001"},
        {"cluster.same_voice": "0", "cluster.other_voice": "0"},
        {"cluster.same_voice": "1.1"},
        {"cluster.same_voice": "0.41"},
        {"cluster.other_voice": "-0.1"},
        {"cluster.neighbours": "0"},
        {"cluster.windows_per_speaker": "0"},
        {"limits.audio_s": "0"},
        {"limits.audio_s": "-1"},
        {"limits.upload_mb": "0"},
        {"cluster.stranger_similarity": "1.1"},
        {"cluster.stranger_similarity": "-1.1"},
        {"cluster.seed": "-1"},
        {"cluster.seed": str(2**32)},
        {"cluster.sharpness": "0"},
        {"frames.chunk_hop_s": "0.09"},
        {"frames.chunk_hop_s": "9.95"},  # frames between two chunks would be in none
        {"frames.chunk_hop_s": "10"},
        {"frames.sparse_hop_s": "0.09"},
        {"frames.sparse_hop_s": "9.95"},
        {"frames.overlap_share": "-0.01"},
        {"frames.overlap_share": "1.01"},
        {"frames.speech": "0"},
        {"frames.speech": "1"},
        {"frames.fill_s": "-0.1"},
        {"frames.drop_s": "-0.1"},
        {"frames.least_active_s": "-0.1"},
        {"frames.least_turn_s": "-0.1"},
        {"frames.turn_fill_s": "-0.1"},
        {"frames.window_s": "0.02"},
        {"frames.window_hop_s": "0"},
        {"frames.window_hop_s": "1.1"},
        {"frames.evidence_share": "0"},
        {"frames.evidence_share": "0.6"},
        {"frames.cluster_share": "0.2"},
        {"frames.cluster_share": "1.1"},
        {"frames.join_distance": "0"},
        {"frames.join_distance": "1.1"},
        {"frames.stranger_similarity": "1.1"},
        {"frames.stranger_similarity": "-1.1"},
        {"frames.reach_s": "0"},
        {"frames.window_weight": "-0.1"},
        {"default.mode": "fast"},
        {"default.mode": ""},
        {"speakers.minimum": "0"},
        {"speakers.minimum": "31", "speakers.maximum": "30"},
        {"speakers.maximum": "0"},
        {"speakers.maximum": str(MAX_SPEAKERS_CEILING + 1)},
        {"calls.windows": "0"},
        {"calls.chunks": "0"},
        {"calls.in_flight": "0"},
    ],
    ids=lambda parameters: ",".join(map("=".join, parameters.items())),
)
def test_an_impossible_value_is_refused_naming_the_option(parameters):
    text = refusal(parameters)

    section, name = next(iter(parameters)).split(".")
    assert section in text
    assert name in text


@pytest.mark.parametrize("key", [key for key, value in DEFAULTS.items() if type(value) is float])
@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_a_number_must_be_finite(key, text):
    section, name = key.split(".")

    assert section in refusal({key: text})
    assert name in refusal({key: text})


def test_a_hop_of_less_than_a_frame_of_features_is_refused():
    assert "hop_s" in refusal({"window.hop_s": "0.00001"})


def test_a_block_of_less_than_a_frame_of_sad_is_refused():
    assert "block_s" in refusal({"sad.block_s": "0.02", "sad.cut_search_s": "0.01"})


def test_an_unknown_mode_is_refused_with_the_known_ones():
    assert refusal({"default.mode": "Full"}) == (
        "default.mode: got 'Full', expected one of full, classic"
    )


def test_options_are_immutable():
    with pytest.raises(FrozenInstanceError):
        Options().sad.onset = 0.1


@pytest.mark.parametrize(
    ("n_speakers", "n_windows", "clipped"),
    [(1, 100, 2), (3, 100, 3), (9, 100, 5), (9, 4, 4), (1, 1, 1), (0, 0, 0)],
)
def test_clip_gives_the_nearest_allowed_number(n_speakers, n_windows, clipped):
    assert SpeakerBounds(2, 5).clip(n_speakers, n_windows) == clipped

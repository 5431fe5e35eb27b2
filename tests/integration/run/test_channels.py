"""Answers of `run` to a call of several channels, with fake networks."""

import json
import re
from itertools import pairwise

import numpy as np
import pytest

from integration.fake_pb_utils import TritonError
from integration.planted_models import (
    QUICK_HZ,
    SLOW_HZ,
    conversation,
    encoded,
    mixed,
    running,
    server_of_planted_models,
)

NEAR_S = 0.12
SEPARATE = {"channels": "separate"}
LEFT = [(0, 4, QUICK_HZ), (9, 13, SLOW_HZ)]
RIGHT = [(4, 9, SLOW_HZ)]
CALL = np.stack([mixed(14, *LEFT), mixed(14, *RIGHT)])
VOICES = {SLOW_HZ: [1, 0], QUICK_HZ: [0, 1]}  # what the planted speaker model answers
TOGETHER = [(0, 4, QUICK_HZ), (4, 9, SLOW_HZ), (9, 13, SLOW_HZ)]
NAMES = ["CH1_SPEAKER_00", "CH2_SPEAKER_00", "CH1_SPEAKER_01"]
STAGES = {"full": "decode sad segment fbank embed cluster assign", "classic": "decode sad fbank"}


@pytest.fixture(params=["full", "classic"])
def run(request):
    with running(server_of_planted_models()) as model:
        model.always = {"mode": request.param}
        yield model


def as_input(call):
    return call


def as_file(call):
    return encoded(call.T)


def lines_in(outputs):
    """(channel, begin, end, speaker) of every line of the RTTM text."""
    rows = [line.split() for line in outputs["RTTM"].item().decode().splitlines()]
    return [
        (int(row[2]), float(row[3]), round(float(row[3]) + float(row[4]), 3), row[7])
        for row in rows
    ]


def info_in(outputs):
    info = json.loads(outputs["INFO"].item())
    return {name: info[name] for name in ("channels", "n_channels", "n_speakers", "audio_s")}


@pytest.mark.parametrize("sent", [as_input, as_file])
def test_each_side_of_a_call_is_diarized_on_its_own(run, sent):
    outputs = run.outputs(run.request(sent(CALL), SEPARATE))

    lines = lines_in(outputs)
    assert [(channel, name) for channel, _, _, name in lines] == [
        (1, NAMES[0]),
        (2, NAMES[1]),
        (1, NAMES[2]),
    ]
    planted = [turn[:2] for turn in TOGETHER]
    assert np.allclose([line[1:3] for line in lines], planted, atol=NEAR_S)
    assert info_in(outputs) == {
        "channels": "separate",
        "n_channels": 2,
        "n_speakers": 3,
        "audio_s": 14.0,
    }


def test_labels_embeddings_and_confidences_count_speakers_and_turns_of_all_channels(run):
    outputs = run.outputs(run.request(CALL, SEPARATE))

    assert outputs["LABELS"][0, :, 2].tolist() == [0, 1, 2]
    assert np.allclose(outputs["LABELS"][0, :, :2], [turn[:2] for turn in TOGETHER], atol=NEAR_S)
    voices = [VOICES[swell_hz] for _, _, swell_hz in TOGETHER]
    assert np.allclose(outputs["EMBEDDINGS"], voices, atol=1e-6)
    assert outputs["CONFIDENCE"].shape == (3,)
    assert (outputs["CONFIDENCE"] > 0.9).all()


def test_a_separate_channel_is_answered_like_a_mono_recording(run):
    both = lines_in(run.outputs(run.request(CALL, SEPARATE)))
    for number, channel in enumerate(CALL, start=1):
        alone = lines_in(run.outputs(run.request(channel)))
        assert [
            (begin, end, name) for own, begin, end, name in both if own == number
        ] == [(begin, end, f"CH{number}_{name}") for _, begin, end, name in alone]  # fmt: skip


@pytest.mark.parametrize("sent", [as_input, as_file])
def test_first_ignores_the_other_channels(run, sent):
    first = run.outputs(run.request(sent(CALL), {"channels": "first"}))
    alone = run.outputs(run.request(sent(CALL[:1])))

    assert first["RTTM"].item() == alone["RTTM"].item()
    assert first["LABELS"].tolist() == alone["LABELS"].tolist()
    assert info_in(first)["channels"] == "first"
    assert info_in(first)["n_channels"] == 2


def test_the_default_is_the_mean_of_the_channels(run):
    asked, unasked = (run.outputs(run.request(CALL, each)) for each in ({"channels": "mix"}, {}))

    assert asked["RTTM"].item() == unasked["RTTM"].item()
    assert {line[0] for line in lines_in(unasked)} == {1}
    assert info_in(unasked)["n_speakers"] == 2
    assert info_in(unasked)["n_channels"] == 2


def test_mono_audio_can_be_separate(run):
    mono = run.outputs(run.request(conversation(), SEPARATE))
    plain = run.outputs(run.request(conversation()))

    named = plain["RTTM"].item().replace(b"SPEAKER_", b"CH1_SPEAKER_")
    assert mono["RTTM"].item() == named
    assert mono["LABELS"].tolist() == plain["LABELS"].tolist()


def test_a_silent_channel_has_no_turns(run):
    dead = np.zeros_like(CALL[0])
    outputs = run.outputs(run.request(np.stack([dead, CALL[1], dead]), SEPARATE))

    assert {line[0] for line in lines_in(outputs)} == {2}
    assert info_in(outputs)["n_channels"] == 3
    assert outputs["EMBEDDINGS"].shape == (1, 2)


@pytest.mark.parametrize("shape", [(0, 0), (2, 0), (2, 16_000)])
def test_only_silent_channels_give_an_empty_answer(run, shape):
    outputs = run.outputs(run.request(np.zeros(shape, np.float32), SEPARATE))

    assert outputs["RTTM"].item() == b""
    assert outputs["LABELS"].shape == (1, 0, 3)
    assert outputs["EMBEDDINGS"].size == 0
    assert info_in(outputs)["n_channels"] == shape[0]


def test_numbers_of_speakers_apply_to_every_channel(run):
    outputs = run.outputs(run.request(CALL, {**SEPARATE, "num_speakers": 1}))

    assert {line[3] for line in lines_in(outputs)} == {"CH1_SPEAKER_00", "CH2_SPEAKER_00"}


def test_exclusive_applies_within_a_channel_only(run):
    overlapping = mixed(17, (0, 6, SLOW_HZ), (4, 12, QUICK_HZ), (11, 16, SLOW_HZ))
    call = np.stack([overlapping, mixed(17, (1, 15, QUICK_HZ))])
    lines = lines_in(run.outputs(run.request(call, {**SEPARATE, "exclusive": True})))

    left = [line for line in lines if line[0] == 1]
    assert len({line[3] for line in left}) == 2
    assert all(later[1] >= before[2] - 2e-3 for before, later in pairwise(left))
    (right,) = [line for line in lines if line[0] == 2]
    assert (right[1], right[2]) == pytest.approx((1, 15), abs=NEAR_S)


@pytest.mark.parametrize("sent", [as_input, as_file])
def test_channels_that_are_too_long_together_are_refused_before_any_call(sent):
    server = server_of_planted_models()
    with running(server, limits__audio_s="27.9") as run:
        error = run.error(run.request(sent(CALL), SEPARATE))
        assert server.calls == []
        assert run.outputs(run.request(sent(CALL)))["RTTM"]
    assert error.code() is TritonError.INVALID_ARG
    assert re.fullmatch(
        "(input|AUDIO): got 2 separate channels of 14.0 s of audio, expected at most 27.9 s in all",
        error.message(),
    )


def test_a_broken_second_channel_fails_separate_but_not_first(run):
    broken = CALL.copy()
    broken[1, 100_000] = np.nan
    assert run.outputs(run.request(broken, {"channels": "first"}))["RTTM"]
    error = run.error(run.request(broken, SEPARATE))
    assert error.code() is TritonError.INVALID_ARG
    assert error.message() == "audio: got NaN or infinite samples, expected finite values"


def test_cancelling_after_the_first_channel_skips_the_second(run):
    calls = run.server.calls
    run.outputs(run.request(CALL[0]))
    n_of_first = len(calls)
    run.server.calls.clear()

    error = run.error(run.request(CALL, SEPARATE, is_cancelled=lambda: len(calls) >= n_of_first))

    assert error.code() is TritonError.CANCELLED
    assert len(calls) == n_of_first


def test_the_length_counts_once_and_the_stages_for_every_channel(run):
    def series():
        own = ("mode", run.always["mode"])
        return {
            name: sum(value for labels, value in each.items() if own in tuple(labels))
            for name, each in run.server.metrics.series.items()
        }

    before = series()
    outputs = run.outputs(run.request(CALL, SEPARATE))
    after = series()

    assert after["diarization_answered_requests_total"] == 1
    assert after["diarization_audio_seconds_total"] == 14.0
    assert after["diarization_speakers_total"] == 3
    assert after["diarization_windows_total"] == json.loads(outputs["INFO"].item())["n_windows"]
    stage_s = json.loads(outputs["INFO"].item())["stage_s"]
    assert {*STAGES[run.always["mode"]].split()} <= set(stage_s)
    spent = after["diarization_stage_seconds_total"] - before["diarization_stage_seconds_total"]
    assert spent == pytest.approx(sum(stage_s.values()) - stage_s["total"], abs=1e-3)

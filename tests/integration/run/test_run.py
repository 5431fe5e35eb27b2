"""Answers of `run` with fake networks; a bad request affects no other."""

import json
import re

import numpy as np
import pytest

from integration.bad_requests import (
    both_inputs,
    exclusive_that_is_text,
    garbage,
    impossible_parameter,
    larger_than_allowed,
    longer_than_allowed,
    mode_that_is_a_number,
    neither_input,
    no_bytes,
    no_file,
    not_a_number,
    one_dimension,
    too_many_separate_channels,
    two_files,
    unknown_channels,
    unknown_mode,
    unknown_parameter,
)
from integration.fake_pb_utils import Request, TritonError
from integration.planted_models import (
    SLOW_HZ,
    conversation,
    encoded,
    running,
    server_of_planted_models,
    silence,
    voice,
)

RTTM_LINE = re.compile(
    r"SPEAKER (\S+) 1 (\d+\.\d{3}) (\d+\.\d{3}) <NA> <NA> (SPEAKER_\d{2}) <NA> <NA>"
)
ALL_OUTPUTS = {"LABELS", "RTTM", "INFO", "CONFIDENCE", "EMBEDDINGS"}


@pytest.fixture(params=[{}, {"mode": "classic"}], ids=["full", "classic"])
def run(request):
    """`run` with default settings, in each mode."""
    with running(server_of_planted_models()) as model:
        model.always = request.param
        yield model


def turns_in(outputs):
    """(id, begin, duration, speaker) of every line of the RTTM text."""
    lines = outputs["RTTM"].item().decode().splitlines()
    return [RTTM_LINE.fullmatch(line).groups() for line in lines]


def comparable(outcome):
    """An outcome as plain values, without the times that differ from run to run."""
    if isinstance(outcome, TritonError):
        return outcome.code(), outcome.message()
    info = json.loads(outcome["INFO"].item())
    del info["stage_s"]
    return outcome["LABELS"].tolist(), outcome["RTTM"].item(), info


def test_the_planted_speakers_are_found(run):
    outputs = run.outputs(run.request(conversation(), {"recording_id": "talk"}))
    slow, quick = turns_in(outputs)
    assert slow[0::3] == ("talk", "SPEAKER_00")
    assert quick[0::3] == ("talk", "SPEAKER_01")
    planted = [[0.0, 4.0, 0], [5.0, 9.0, 1]]
    assert np.allclose(outputs["LABELS"][0], planted, atol=0.1)


def test_labels_and_rttm_agree(run):
    outputs = run.outputs(run.request(conversation()))
    from_text = [
        [float(begin), float(begin) + float(length), int(speaker[-2:])]
        for _, begin, length, speaker in turns_in(outputs)
    ]
    assert np.allclose(outputs["LABELS"][0], from_text, atol=2e-3)


def test_samples_and_both_lossless_files_give_the_same_answer(run):
    samples = (np.round(conversation() * 32768) / 32768).astype(np.float32)
    sent = [samples, encoded(samples), encoded(samples, "FLAC")]
    labels = [run.outputs(run.request(audio))["LABELS"].tolist() for audio in sent]
    assert labels[0] == labels[1] == labels[2]


def test_upstreams_own_request_is_answered(run):
    request = Request(run.config, {"input": conversation()[None]}, outputs=["LABELS"])
    labels = run.outputs(request)["LABELS"]
    assert labels.shape == (1, 2, 3)


@pytest.mark.parametrize("asked", [{"LABELS"}, {"RTTM", "INFO"}, {"INFO"}, ALL_OUTPUTS])
def test_only_requested_outputs_are_returned(run, asked):
    outputs = run.outputs(run.request(conversation(), outputs=asked))
    assert set(outputs) == asked


def test_all_outputs_are_returned_by_default(run):
    assert set(run.outputs(run.request(conversation()))) == ALL_OUTPUTS


@pytest.mark.parametrize("n_samples", [0, 1, 399, 16_000])
def test_no_speech_is_an_empty_answer(run, n_samples):
    outputs = run.outputs(run.request(np.zeros(n_samples, np.float32)))
    assert outputs["LABELS"].shape == (1, 0, 3)
    assert outputs["LABELS"].dtype == np.float32
    assert outputs["RTTM"].item() == b""
    assert outputs["CONFIDENCE"].shape == (0,)
    assert outputs["EMBEDDINGS"].size == 0
    assert json.loads(outputs["INFO"].item())["n_speakers"] == 0


def test_a_file_without_samples_is_an_empty_answer(run):
    outputs = run.outputs(run.request(encoded(silence(0))))
    assert (outputs["LABELS"].shape, outputs["RTTM"].item()) == ((1, 0, 3), b"")


def test_one_window_is_one_turn(run):
    outputs = run.outputs(run.request(np.concatenate([silence(1), voice(1, SLOW_HZ)])))
    assert outputs["LABELS"].shape == (1, 1, 3)


CLASSIC_MODELS = {"sad": "sad", "speaker": "speaker_model"}
CLASSIC_STAGES = {"decode", "sad", "fbank", "embed", "cluster", "total"}
FULL_MODELS = {**CLASSIC_MODELS, "segmentation": "segmentation"}
FULL_STAGES = CLASSIC_STAGES | {"segment", "assign"}


@pytest.mark.parametrize(
    ("asked", "mode", "models", "stages", "n_windows", "n_chunks"),
    [
        # 1.0 s every 0.5 s starts 17 times in 9 s; one of the windows is in the second of silence
        ({}, "full", FULL_MODELS, FULL_STAGES, 16, 1),
        ({"mode": "full"}, "full", FULL_MODELS, FULL_STAGES, 16, 1),
        # 1.5 s every 0.75 s: 5 in each stretch of about 4 s, the last one shifted back to its end
        ({"mode": "classic"}, "classic", CLASSIC_MODELS, CLASSIC_STAGES, 10, 0),
    ],
    ids=["default", "full", "classic"],
)
def test_info_describes_how_the_answer_was_computed(
    asked, mode, models, stages, n_windows, n_chunks
):
    with running(server_of_planted_models()) as run:
        info = json.loads(run.outputs(run.request(conversation(), asked))["INFO"].item())
    assert info["models"] == models
    assert info["mode"] == mode
    assert info["exclusive"] is False
    assert (info["channels"], info["n_channels"]) == ("mix", 1)
    assert info["n_speakers"] == 2
    assert (info["n_windows"], info["n_chunks"]) == (n_windows, n_chunks)
    assert (info["unlike_share"], info["more_speakers_likely"]) == (0.0, False)
    assert info["audio_s"] == 9.0
    assert set(info["stage_s"]) == stages
    assert all(seconds >= 0 for seconds in info["stage_s"].values())
    assert info["stage_s"]["total"] == max(info["stage_s"].values())


def test_the_requested_number_of_speakers_is_found(run):
    labels = run.outputs(run.request(conversation(), {"num_speakers": 1}))["LABELS"]
    assert set(labels[0, :, 2]) == {0}


def test_parameters_reserved_by_triton_are_accepted(run):
    run.outputs(run.request(silence(1), {"priority": 1, "triton_final_response": True}))


def test_the_default_recording_id_is_recording(run):
    outputs = run.outputs(run.request(conversation()))
    assert {turn[0] for turn in turns_in(outputs)} == {"recording"}


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (garbage, "AUDIO: got 21 bytes"),
        (no_bytes, "AUDIO: got 0 bytes"),
        (both_inputs, "inputs: got input and AUDIO"),
        (neither_input, "inputs: got none"),
        (unknown_parameter, "parameter 'speakers' is unknown"),
        (impossible_parameter, "parameter 'num_speakers': got '0'"),
        (unknown_mode, "parameter 'mode': got 'fast', expected one of full, classic"),
        (mode_that_is_a_number, "parameter 'mode': got '1', expected one of full, classic"),
        (exclusive_that_is_text, "parameter 'exclusive': got 'yes', expected true or false"),
        (
            unknown_channels,
            "parameter 'channels': got 'left', expected one of mix, first, separate",
        ),
        (
            too_many_separate_channels,
            "parameter 'channels': got 'separate' for audio of 65 channels, expected at most 64",
        ),
        (two_files, "AUDIO: got shape [2]"),
        (no_file, "AUDIO: got shape [0]"),
        (one_dimension, "input: got shape [16000]"),
        (not_a_number, "audio: got NaN"),
    ],
)
def test_a_bad_request_is_refused_and_affects_no_other_request(run, bad, named):
    def neighbours():
        return [
            run.request(conversation(), {"recording_id": "before"}),
            run.request(encoded(voice(3, SLOW_HZ)), {"recording_id": "after"}),
        ]

    before, after = neighbours()
    outcomes = run.execute(before, bad(run), after)
    error = outcomes[1]
    assert isinstance(error, TritonError)
    assert error.code() is TritonError.INVALID_ARG
    assert named in error.message()
    assert "expected" in error.message()
    assert "\n" not in error.message()
    alone = [run.execute(request)[0] for request in neighbours()]
    assert comparable(outcomes[0]) == comparable(alone[0])
    assert comparable(outcomes[2]) == comparable(alone[1])
    assert run.server.logger.errors == []


@pytest.mark.parametrize(
    ("too_much", "text"),
    [
        (longer_than_allowed, "input: got 10.0 s of audio, expected at most 9 s"),
        (larger_than_allowed, "AUDIO: got 650001 bytes, expected at most 650000"),
    ],
)
def test_exceeded_limits_are_refused_before_any_call_and_affect_no_other_request(too_much, text):
    server = server_of_planted_models()
    with running(server, limits__audio_s="9", limits__upload_mb="0.65") as run:
        error = run.error(too_much(run))
        assert server.calls == []
        outcome, _ = run.execute(run.request(conversation()), too_much(run))
        alone = run.outputs(run.request(conversation()))
    assert error.code() is TritonError.INVALID_ARG
    assert error.message() == text
    assert comparable(outcome) == comparable(alone)


def test_answers_come_in_the_order_of_the_requests(run):
    requests = [
        run.request(voice(seconds, SLOW_HZ), {"recording_id": f"r{seconds}"})
        for seconds in (3, 1, 2)
    ]
    outcomes = run.execute(*requests)
    found = [turns_in(outputs) for outputs in outcomes]
    assert [turn[0] for ((turn),) in found] == ["r3", "r1", "r2"]
    assert [outputs["LABELS"][0, 0, 1] for outputs in outcomes] == [3, 1, 2]


def test_the_same_bytes_give_the_same_answer(run):
    first, second = run.execute(*[run.request(encoded(conversation())) for _ in range(2)])
    assert comparable(first) == comparable(second)


def test_no_requests_give_no_answers(run):
    assert run.execute() == []

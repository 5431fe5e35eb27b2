"""The Prometheus counters of `run`."""

import gc
import json

import numpy as np
import pytest

from integration.bad_requests import (
    both_inputs,
    garbage,
    impossible_parameter,
    larger_than_allowed,
    longer_than_allowed,
    neither_input,
    not_a_number,
    one_dimension,
    two_files,
    unknown_mode,
    unknown_parameter,
)
from integration.fake_pb_utils import ModelFailureError, Request
from integration.planted_models import (
    SLOW_HZ,
    conversation,
    running,
    server_of_planted_models,
    voice,
)

MODES = ("full", "classic")
BY_MODE = ("answered_requests", "audio_seconds", "windows", "speakers")
REASONS = (
    "invalid_parameter",
    "invalid_input",
    "invalid_audio",
    "over_limit",
    "model_failed",
    "stopping",
    "cancelled",
    "internal",
)


@pytest.fixture
def server():
    return server_of_planted_models()


@pytest.fixture
def run(server):
    with running(server) as model:
        yield model


def nothing(seconds):
    """Samples without any sound."""
    return np.zeros(seconds * 16_000, np.float32)


def counts(server):
    """Value of every series, by `family{its label values}`; the common prefix is left out."""
    return {
        f"{family.removeprefix('diarization_')}{{{','.join(value for _, value in labels)}}}": value
        for family, series in server.metrics.series.items()
        for labels, value in series.items()
    }


def changes(server, before):
    """Series that changed since `before`, and by how much."""
    now = counts(server)
    assert now.keys() == before.keys()
    return {name: now[name] - before[name] for name in now if now[name] != before[name]}


def without_times(changed):
    return {name: by for name, by in changed.items() if not name.startswith("stage_seconds")}


def test_every_series_starts_at_zero(run):
    stages = {
        "classic": ["decode", "sad", "fbank", "embed", "cluster"],
        "full": ["decode", "sad", "segment", "fbank", "embed", "cluster", "assign"],
    }
    expected = {
        *(f"{name}_total{{{mode}}}" for name in BY_MODE for mode in MODES),
        *(f"stage_seconds_total{{{mode},{stage}}}" for mode in MODES for stage in stages[mode]),
        *(f"failed_requests_total{{{reason}}}" for reason in REASONS),
    }
    assert counts(run.server) == dict.fromkeys(expected, 0)


@pytest.mark.parametrize("mode", MODES)
def test_counters_match_the_info_of_an_answer(run, mode):
    before = counts(run.server)
    outputs = run.outputs(run.request(conversation(), {"mode": mode}))
    info = json.loads(outputs["INFO"].item())
    changed = changes(run.server, before)
    assert without_times(changed) == {
        f"answered_requests_total{{{mode}}}": 1,
        f"audio_seconds_total{{{mode}}}": 9.0,
        f"windows_total{{{mode}}}": info["n_windows"],
        f"speakers_total{{{mode}}}": 2,
    }
    stage_s = info["stage_s"]
    del stage_s["total"]
    counted_s = {stage: changed[f"stage_seconds_total{{{mode},{stage}}}"] for stage in stage_s}
    assert counted_s == pytest.approx(stage_s, abs=1e-4)  # INFO is rounded
    assert len(changed) == 4 + len(stage_s)


def test_answers_add_up(run):
    before = counts(run.server)
    for seconds in (3, 4):
        run.outputs(run.request(voice(seconds, SLOW_HZ)))
    changed = changes(run.server, before)
    assert changed["answered_requests_total{full}"] == 2
    assert changed["audio_seconds_total{full}"] == 7
    assert changed["speakers_total{full}"] == 2


def test_silence_counts_as_an_answer_without_windows(run):
    before = counts(run.server)
    run.outputs(run.request(nothing(2)))
    assert without_times(changes(run.server, before)) == {
        "answered_requests_total{full}": 1,
        "audio_seconds_total{full}": 2.0,
    }


def test_a_ping_gets_no_outputs_and_is_not_counted(run):
    before = counts(run.server)
    assert run.outputs(Request(run.config, {}, {"ping": True}, outputs=[])) == {}
    assert changes(run.server, before) == {}


def gone(run):
    return run.request(conversation(), is_cancelled=lambda: True)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (unknown_parameter, "invalid_parameter"),
        (impossible_parameter, "invalid_parameter"),
        (unknown_mode, "invalid_parameter"),
        (both_inputs, "invalid_input"),
        (neither_input, "invalid_input"),
        (two_files, "invalid_input"),
        (one_dimension, "invalid_input"),
        (garbage, "invalid_audio"),
        (not_a_number, "invalid_audio"),
        (gone, "cancelled"),
    ],
)
def test_a_refused_request_counts_only_its_reason(run, bad, reason):
    before = counts(run.server)
    run.error(bad(run))
    assert changes(run.server, before) == {f"failed_requests_total{{{reason}}}": 1}


@pytest.mark.parametrize("too_much", [longer_than_allowed, larger_than_allowed])
def test_exceeded_limits_have_their_own_reason(server, too_much):
    with running(server, limits__audio_s="9", limits__upload_mb="0.3") as run:
        before = counts(server)
        run.error(too_much(run))
        assert changes(server, before) == {"failed_requests_total{over_limit}": 1}


@pytest.mark.parametrize("failing", ["sad", "segmentation", "speaker_model"])
def test_failed_models_have_their_own_reason(run, failing):
    def broken(inputs):
        raise ModelFailureError("out of memory")

    run.server.models[failing] = broken
    before = counts(run.server)
    run.error(run.request(conversation()))
    assert changes(run.server, before) == {"failed_requests_total{model_failed}": 1}


def test_internal_errors_have_their_own_reason(run, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    before = counts(run.server)
    monkeypatch.setattr(run.module, "output_arrays", broken)
    run.error(run.request(conversation()))
    assert changes(run.server, before) == {"failed_requests_total{internal}": 1}


def test_every_request_of_several_is_counted(run):
    before = counts(run.server)
    run.execute(run.request(nothing(1)), garbage(run), run.request(nothing(2)), neither_input(run))
    assert without_times(changes(run.server, before)) == {
        "answered_requests_total{full}": 2,
        "audio_seconds_total{full}": 3.0,
        "failed_requests_total{invalid_audio}": 1,
        "failed_requests_total{invalid_input}": 1,
    }


def test_counts_of_instances_add_up_and_survive_their_end(server):
    with running(server) as first:
        first.outputs(first.request(nothing(1)))
        with running(server) as second:
            assert counts(server)["answered_requests_total{full}"] == 1
            second.outputs(second.request(nothing(1)))
        del second
        gc.collect()
        first.outputs(first.request(nothing(1)))
    assert counts(server)["answered_requests_total{full}"] == 3

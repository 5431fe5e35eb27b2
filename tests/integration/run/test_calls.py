"""Calls of `run` to the networks: their number, sizes and concurrency."""

import math
import threading

import numpy as np
import pytest

from diarization.fbank import fbank
from integration.model_contract import read_config
from integration.planted_models import (
    N_CHUNK_FRAMES,
    N_CLASSES,
    SAMPLE_RATE_HZ,
    SLOW_HZ,
    conversation,
    mixed,
    planted_sad,
    running,
    server_of_planted_models,
    voice,
)
from server.launcher import GPU_MODELS

WAIT_S = 20  # how long a call waits for another before the test is given up
MODES = ("full", "classic")
WINDOW_AND_HOP_S = {"full": (1.0, 0.5), "classic": (1.5, 0.75)}
N_FEATURE_FRAMES = {"full": 98, "classic": 148}
ALL_CHUNKS = {"frames__sparse_hop_s": "1.25"}


@pytest.fixture
def server():
    return server_of_planted_models()


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


def n_windows_in(seconds, mode):
    """Windows in one stretch of speech; the last ends with it."""
    length_s, hop_s = WINDOW_AND_HOP_S[mode]
    return max(0, math.ceil((seconds - length_s) / hop_s)) + 1


def n_chunks_in(seconds):
    """Chunks of 10 s every 1.25 s; the last ends with the block."""
    return max(0, math.ceil((seconds - 10) / 1.25)) + 1


def sizes(calls, name="feats"):
    """Windows or chunks per call, largest first; calls under way together come in any order."""
    return sorted((call.shapes[name][0] for call in calls), reverse=True)


def test_speech_detection_is_called_once_per_level_and_gets_its_state_back(server, mode):
    states = []

    def sad(inputs):
        states.append(float(inputs["state"][0, 0]) if "state" in inputs else None)
        return planted_sad(inputs)

    server.models["sad"] = sad
    with running(server, sad__level_s="16") as run:
        run.outputs(run.request(voice(50, SLOW_HZ), {"mode": mode}))
    n_frames = 16 * SAMPLE_RATE_HZ // 512
    assert [call.shapes["samples"] for call in server.calls_of("sad")] == [
        *[(1, n_frames * 512)] * 3,
        (1, 2 * SAMPLE_RATE_HZ),
    ]
    assert states == [None, n_frames, 2 * n_frames, 3 * n_frames]


def test_features_come_from_the_model_fbank_where_the_server_has_it(server, mode):
    def planted_fbank(inputs):
        return {"features": fbank(inputs["samples"], inputs["window_type"].item().decode())}

    with running(server, window__analysis="povey") as run:
        request = run.request(voice(20, SLOW_HZ), {"mode": mode})
        alone = run.outputs(request)
        server.add(read_config(GPU_MODELS / "fbank" / "config.pbtxt"), planted_fbank)
        together = run.outputs(request)
    (call,) = server.calls_of("fbank")
    assert call.shapes == {"samples": (20 * SAMPLE_RATE_HZ,), "window_type": (1,)}
    assert together["RTTM"] == alone["RTTM"]
    assert np.array_equal(together["EMBEDDINGS"], alone["EMBEDDINGS"])


def test_one_block_is_one_call_of_speech_detection(server, mode):
    with running(server) as run:
        run.outputs(run.request(voice(60, SLOW_HZ), {"mode": mode}))
    assert len(server.calls_of("sad")) == 1


@pytest.mark.parametrize(
    ("mode", "n_windows", "calls"), [("full", 199, [64, 64, 64, 7]), ("classic", 133, [64, 64, 5])]
)
def test_windows_go_to_the_speaker_model_64_at_a_time(server, mode, n_windows, calls):
    with running(server) as run:
        run.outputs(run.request(voice(100, SLOW_HZ), {"mode": mode}))
    assert n_windows_in(100, mode) == n_windows
    assert sizes(server.calls_of("speaker_model")) == calls
    shapes = {call.shapes["feats"][1:] for call in server.calls_of("speaker_model")}
    assert shapes == {(N_FEATURE_FRAMES[mode], 80)}


@pytest.mark.parametrize("windows", [1, 7, 64])
def test_no_call_has_more_windows_than_configured(server, windows, mode):
    with running(server, calls__windows=str(windows)) as run:
        run.outputs(run.request(voice(9, SLOW_HZ), {"mode": mode}))
    calls = sizes(server.calls_of("speaker_model"))
    assert max(calls) <= windows
    assert sum(calls) == n_windows_in(9, mode)
    assert len(calls) == math.ceil(n_windows_in(9, mode) / windows)


@pytest.mark.parametrize(
    ("seconds", "n_chunks"),
    [(0.5, 1), (9.9, 1), (10, 1), (10.1, 2), (11.25, 2), (11.3, 3), (20, 9), (61, 42)],
)
def test_a_block_is_segmented_in_chunks_that_reach_its_end(server, seconds, n_chunks):
    with running(server, **ALL_CHUNKS) as run:
        run.outputs(run.request(voice(seconds, SLOW_HZ)))
    assert n_chunks_in(seconds) == n_chunks
    calls = sizes(server.calls_of("segmentation"), "wav")
    assert sum(calls) == n_chunks
    assert len(calls) == math.ceil(n_chunks / 16)
    assert max(calls) - min(calls) <= 1


@pytest.mark.parametrize("chunks", [1, 3, 8])
def test_no_call_has_more_chunks_than_configured(server, chunks):
    with running(server, calls__chunks=str(chunks), **ALL_CHUNKS) as run:
        run.outputs(run.request(voice(20, SLOW_HZ)))
    calls = sizes(server.calls_of("segmentation"), "wav")
    assert max(calls) <= chunks
    assert sum(calls) == 9
    assert len(calls) == math.ceil(9 / chunks)


def test_chunks_continue_across_blocks_and_windows_do_not(server):
    silences_at = (13, 27, 41)  # a second each; the blocks are cut in their middles
    borders = [0, *(at + shift for at in silences_at for shift in (0, 1)), 50]
    pairs = zip(borders[::2], borders[1::2], strict=True)
    wave = mixed(50, *[(begin, end, SLOW_HZ) for begin, end in pairs])
    blocks = {"sad__block_s": "16", "sad__cut_search_s": "4"}
    with running(server, calls__chunks="5", **blocks, **ALL_CHUNKS) as run:
        run.outputs(run.request(wave))
    assert len(server.calls_of("sad")) == 1
    # Blocks end at 13.5, 27.5, 41.5 and 50 s, where 3, 12, 11 and 7 further chunks are known.
    assert n_chunks_in(50) == 3 + 12 + 11 + 7
    assert sizes(server.calls_of("segmentation"), "wav") == [4, 4, 4, 4, 4, 4, 3, 3, 3]
    assert len(server.calls_of("speaker_model")) == 4


def test_the_chunks_are_the_recordings_samples_and_zeros_after_its_end(server):
    sent = []

    def segmentation(inputs):
        sent.extend(inputs["wav"][:, 0])
        return planted(inputs)

    planted, server.models["segmentation"] = server.models["segmentation"], segmentation
    long, short = voice(12, SLOW_HZ), voice(2, SLOW_HZ)
    with running(server, calls__in_flight="1", **ALL_CHUNKS) as run:
        run.outputs(run.request(long))
        run.outputs(run.request(short))
    starts = (0, 20_000, 32_000)
    assert all(
        np.array_equal(chunk, long[start : start + 160_000])
        for chunk, start in zip(sent[:3], starts, strict=True)
    )
    assert len(sent) == 4
    assert np.array_equal(sent[3], np.pad(short, (0, 128_000)))


def test_the_classic_mode_never_calls_the_segmentation_model(server):
    del server.models["segmentation"]  # a call to it would be refused
    with running(server) as run:
        run.outputs(run.request(conversation(), {"mode": "classic"}))
    assert [call.model for call in server.calls] == ["sad", "speaker_model"]


def test_the_configuration_can_make_the_classic_mode_the_default(server):
    with running(server, default__mode="classic") as run:
        run.outputs(run.request(conversation()))
        assert server.calls_of("segmentation") == []
        run.outputs(run.request(conversation(), {"mode": "full"}))
    assert len(server.calls_of("segmentation")) == 1


@pytest.mark.parametrize(
    ("mode", "called"), [("full", ["sad", "segmentation"]), ("classic", ["sad"])]
)
def test_silence_calls_no_speaker_model(server, mode, called):
    with running(server) as run:
        run.outputs(run.request(np.zeros(10 * SAMPLE_RATE_HZ, np.float32), {"mode": mode}))
    assert [call.model for call in server.calls] == called


def test_empty_audio_calls_no_model(server, mode):
    with running(server) as run:
        run.outputs(run.request(np.empty(0, np.float32), {"mode": mode}))
    assert server.calls == []


def test_calls_have_no_time_limit_of_their_own(server):
    with running(server) as run:
        run.outputs(run.request(conversation()))
    assert {call.model for call in server.calls} == {"sad", "segmentation", "speaker_model"}
    assert {call.timeout_us for call in server.calls} == {0}


class CountedModel:
    """Counts calls under way; each waits until `in_flight` of them are, so that all slots fill."""

    def __init__(self, model, in_flight):
        self.n_now = self.n_most = 0
        self._model = model
        self._lock = threading.Lock()
        self._full = threading.Barrier(in_flight)

    def __call__(self, inputs):
        with self._lock:
            self.n_now += 1
            self.n_most = max(self.n_most, self.n_now)
        self._full.wait(WAIT_S)
        outputs = self._model(inputs)
        with self._lock:
            self.n_now -= 1
        return outputs


@pytest.mark.parametrize("in_flight", [1, 2, 3])
@pytest.mark.parametrize(
    ("model", "mode", "seconds"),
    [
        ("segmentation", "full", 16.25),
        ("speaker_model", "full", 3.5),
        ("speaker_model", "classic", 5.25),
    ],
)  # six chunks or windows each, one a call
def test_the_configured_number_of_calls_is_in_flight(server, model, mode, seconds, in_flight):
    counted = server.models[model] = CountedModel(server.models[model], in_flight)
    single = {"segmentation": "calls__chunks", "speaker_model": "calls__windows"}[model]
    with running(server, calls__in_flight=str(in_flight), **{single: "1"}, **ALL_CHUNKS) as run:
        run.outputs(run.request(voice(seconds, SLOW_HZ), {"mode": mode}))
    assert len(server.calls_of(model)) == 6
    assert counted.n_most == in_flight


def echoing_embeddings(inputs):
    return {"embs": inputs["feats"][:, 0, :2]}


def echoing_posteriors(inputs):
    first = np.log(inputs["wav"][:, :1, :1] + 1)
    return {"logp": np.broadcast_to(first, (len(first), N_CHUNK_FRAMES, N_CLASSES))}


@pytest.mark.parametrize(
    ("model", "method", "shape", "echo", "first"),
    [
        ("speaker_model", "embed", (1, 148, 80), echoing_embeddings, 0),
        ("segmentation", "segment", (1, 1, 160_000), echoing_posteriors, 1),
    ],
)
def test_answers_come_in_order_and_batches_are_not_prepared_too_far_ahead(
    server, model, method, shape, echo, first
):
    server.models[model] = echo
    n_pulled, answers, ahead = 0, [], []

    def batches():
        nonlocal n_pulled
        for number in range(8):
            ahead.append(n_pulled - len(answers))
            n_pulled += 1
            yield np.full(shape, number, np.float32)

    with running(server, calls__in_flight="2") as run:
        models = run.module.ServerModels(
            run.model.options.calls, run.module.Measurements(), lambda: False
        )
        for answer in getattr(models, method)(batches()):
            assert (answer == answer.flat[0]).all()
            answers.append(round(float(answer.flat[0])))
    assert answers == [first + number for number in range(8)]
    assert max(ahead) == 1  # one under way while the next is prepared

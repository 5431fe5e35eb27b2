"""The Prometheus counters of `run`, read from the metrics port."""

import re
from collections import Counter

import numpy as np
import pytest
import soundfile
import tritonclient.grpc as grpcclient

from e2e.calls import diarize, diarize_all, wav_bytes
from e2e.counters import read_counts, read_lines, wait_for_metrics
from server.triton_server import MODEL_REPOSITORY

ROUNDING_S = 1e-3  # of INFO's seconds
MODES = ("full", "classic")

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module", autouse=True)
def _metrics_are_served(server):
    wait_for_metrics(server)


@pytest.fixture
def changes(server):
    """A function that returns which counters went up since the test began, and by how much."""
    before = read_counts(server)

    def read():
        now = read_counts(server)
        assert now.keys() == before.keys()  # everything is there from the start
        return {key: now[key] - before[key] for key in now if now[key] != before[key]}

    return read


def without_times(changed):
    return {key: by for key, by in changed.items() if key[0] != "stage_seconds"}


def status_without_audio(server, *inputs):
    """Status of a request to `run` with only these inputs."""
    with (
        grpcclient.InferenceServerClient(server.url) as client,
        pytest.raises(grpcclient.InferenceServerException) as refused,
    ):
        client.infer("run", list(inputs))
    return refused.value.status()


@pytest.mark.parametrize("mode", MODES)
def test_counters_match_the_info_of_an_answer(server, sample, changes, mode):
    info = diarize(server, sample.read_bytes(), mode=mode).info
    changed = changes()
    stage_s = {stage: by for (name, *_, stage), by in changed.items() if name == "stage_seconds"}
    assert without_times(changed) == {
        ("answered_requests", mode): 1,
        ("audio_seconds", mode): pytest.approx(info["audio_s"], abs=ROUNDING_S),
        ("windows", mode): info["n_windows"],
        ("speakers", mode): info["n_speakers"],
    }
    del info["stage_s"]["total"]
    assert stage_s == pytest.approx(info["stage_s"], abs=ROUNDING_S)
    assert all(key[1] == mode for key in changed)


def test_counts_of_instances_add_up(server, sample, changes):
    instances = re.search(r"count: (\d+)", (MODEL_REPOSITORY / "run" / "config.pbtxt").read_text())
    samples, _ = soundfile.read(sample, dtype="float32")
    files = [wav_bytes(samples[: 16_000 * (4 + n)]) for n in range(2 * int(instances[1]))]
    infos = [answer.info for answer in diarize_all(server, files, mode="classic")]
    assert without_times(changes()) == {
        ("answered_requests", "classic"): len(files),
        ("audio_seconds", "classic"): pytest.approx(sum(4 + n for n in range(len(files)))),
        ("windows", "classic"): sum(info["n_windows"] for info in infos),
        ("speakers", "classic"): sum(info["n_speakers"] for info in infos),
    }


def test_a_refused_request_counts_only_its_reason(server, sample, changes):
    good = sample.read_bytes()
    for encoded, parameters in [
        (b"no audio", {}),
        (good[:20], {}),
        (wav_bytes(np.zeros(1600), rate_hz=500), {}),
        (good, {"mode": "fast"}),
        (good, {"num_speakers": 0}),
    ]:
        with pytest.raises(grpcclient.InferenceServerException):
            diarize(server, encoded, **parameters)
    assert status_without_audio(server) == "StatusCode.INVALID_ARGUMENT"
    assert changes() == {
        ("failed_requests", "invalid_audio"): 3,
        ("failed_requests", "invalid_parameter"): 2,
        ("failed_requests", "invalid_input"): 1,
    }


def test_a_request_refused_by_triton_is_not_counted(server, changes):
    tensor = grpcclient.InferInput("samples", [1], "FP32")
    tensor.set_data_from_numpy(np.zeros(1, np.float32))
    assert status_without_audio(server, tensor) == "StatusCode.INVALID_ARGUMENT"
    assert changes() == {}


def test_every_counter_is_published_once_with_its_help(server):
    lines = read_lines(server)
    helped = Counter(line.split()[2] for line in lines if line.startswith("# HELP diarization_"))
    typed = Counter(line.split()[2] for line in lines if line.startswith("# TYPE diarization_"))
    assert helped == typed == dict.fromkeys(helped, 1)
    assert len(helped) == 6 + 4
    series = Counter(line.rpartition(" ")[0] for line in lines if line.startswith("diarization_"))
    assert set(series.values()) == {1}
    assert len(series) == 4 * len(MODES) + 5 + 7 + 8 + 4

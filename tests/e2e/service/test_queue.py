"""More requests than the queue holds, and recordings over the limits of `run`."""

import shutil

import pytest
import tritonclient.grpc as grpcclient

from e2e.calls import diarize, diarize_all, same_turns
from e2e.counters import read_counts, read_rejected, wait_for_metrics, wait_until
from e2e.long_recordings import UnderWay, repeated
from server.triton_server import MODEL_REPOSITORY, TritonServer

LONGEST_S = 400
CANCELLED = ("failed_requests", "cancelled")
SMALL = {
    "count: 4": "count: 1",
    "max_queue_size: 64": "max_queue_size: 2",
    "300000000": "4000000",
}
LIMITS = f"""
parameters [
  {{ key: "limits.audio_s" value: {{ string_value: "{LONGEST_S}" }} }},
  {{ key: "limits.upload_mb" value: {{ string_value: "4.5" }} }}
]
"""

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def small_server(tmp_path_factory):
    """One instance of `run`, a queue of two for four seconds, and tight limits."""
    repository = tmp_path_factory.mktemp("small") / "model_repo"
    ignored = shutil.ignore_patterns("__pycache__", "stream")
    shutil.copytree(MODEL_REPOSITORY, repository, ignore=ignored)
    config = repository / "run" / "config.pbtxt"
    text = config.read_text()
    for usual, small in SMALL.items():
        assert usual in text
        text = text.replace(usual, small)
    config.write_text(text + LIMITS)
    flags = [f"--model-repository={repository}"]
    with TritonServer(repository.parent / "tritonserver.log", flags=flags) as running:
        wait_for_metrics(running)
        yield running


def status(error):
    return error.status().removeprefix("StatusCode.")


def test_requests_beyond_the_queue_are_refused_and_the_others_answered(small_server, sample):
    alone = diarize(small_server, sample.read_bytes(), mode="classic")
    flood = diarize_all(small_server, [sample.read_bytes()] * 12, mode="classic")
    errors = [each for each in flood if isinstance(each, grpcclient.InferenceServerException)]
    answers = [each.rttm for each in flood if each not in errors]
    assert set(answers) == {alone.rttm}
    assert {status(error) for error in errors} == {"UNAVAILABLE"}
    assert sum("Exceeds maximum queue size" in str(error) for error in errors) >= 5
    assert diarize(small_server, sample.read_bytes(), mode="classic").rttm == alone.rttm


def test_a_request_that_waits_too_long_is_refused(small_server, sample):
    rejected_before = read_rejected(small_server)
    pending = [UnderWay(small_server, repeated(sample, 12)) for _ in range(2)]
    wait_until(lambda: pending[0].outcomes or pending[1].outcomes)
    first, second = sorted(pending, key=lambda each: not each.outcomes)
    assert second.outcomes == []  # it is in progress
    (error,) = first.outcomes
    assert status(error) == "UNAVAILABLE"
    assert "timeout expired" in str(error)
    assert read_rejected(small_server) == rejected_before + 1
    cancelled = read_counts(small_server)[CANCELLED]
    second.cancel()
    wait_until(lambda: read_counts(small_server)[CANCELLED] == cancelled + 1)


@pytest.mark.parametrize(
    ("n_times", "kind", "text"),
    [
        (14, "FLAC", f"AUDIO: got 420.0 s of audio, expected at most {LONGEST_S} s"),
        (5, "WAV", "AUDIO: got 4800044 bytes, expected at most 4500000"),
    ],
)
def test_requests_over_a_limit_are_refused_and_counted(small_server, sample, n_times, kind, text):
    before = read_counts(small_server)
    with pytest.raises(grpcclient.InferenceServerException) as refused:
        diarize(small_server, repeated(sample, n_times, kind))
    assert status(refused.value) == "INVALID_ARGUMENT"
    assert text in str(refused.value)
    now = read_counts(small_server)
    changed = {key: now[key] - before[key] for key in now if now[key] != before[key]}
    assert changed == {("failed_requests", "over_limit"): 1}


def test_short_recordings_are_answered_while_a_long_one_is_processed(server, sample):
    alone = diarize(server, sample.read_bytes(), mode="classic")
    long_one = UnderWay(server, repeated(sample, 40))
    meanwhile = [diarize(server, sample.read_bytes(), mode="classic") for _ in range(3)]
    assert long_one.outcomes == []
    long_one.cancel()
    for answer in meanwhile:
        assert same_turns(answer.labels, alone.labels)

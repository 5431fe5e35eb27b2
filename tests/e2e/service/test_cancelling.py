"""Clients that cancel, hang up or time out: the work stops, and no other request is affected."""

import pytest
from tritonclient.grpc import InferenceServerClient

from e2e.calls import diarize, same_turns
from e2e.counters import read_counts, wait_for_metrics, wait_until
from e2e.long_recordings import UnderWay, repeated

CANCELLED = ("failed_requests", "cancelled")
N_TIMES = 40  # 20 minutes: work for about 40 s

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def long_recording(server, sample):
    wait_for_metrics(server)
    return repeated(sample, N_TIMES)


def begun(server, before):
    """Whether `sad` was called since, so that work on the recording has begun."""
    return calls_of_sad(server) > before


def calls_of_sad(server):
    with InferenceServerClient(server.url) as client:
        (statistics,) = client.get_inference_statistics("sad").model_stats
    return statistics.inference_stats.success.count


def give_up_by_cancelling(under_way):
    under_way.cancel()


def give_up_by_hanging_up(under_way):
    under_way.disconnect()


def wait_for_the_deadline(under_way):
    wait_until(lambda: under_way.outcomes)
    assert "Deadline Exceeded" in str(under_way.outcomes[0])


@pytest.mark.parametrize(
    ("give_up", "timeout_s"),
    [
        (give_up_by_cancelling, None),
        (give_up_by_hanging_up, None),
        (wait_for_the_deadline, 3),
    ],
)
def test_work_stops_when_the_client_gives_up_and_is_counted(
    server, sample, long_recording, give_up, timeout_s
):
    alone = diarize(server, sample.read_bytes())
    before, sad_before = read_counts(server), calls_of_sad(server)
    under_way = UnderWay(server, long_recording, timeout_s)
    wait_until(lambda: begun(server, sad_before))
    give_up(under_way)
    wait_until(lambda: read_counts(server)[CANCELLED] == before[CANCELLED] + 1)

    sad_calls = calls_of_sad(server)
    assert sad_calls - sad_before < N_TIMES * 30 / 120  # blocks of the whole recording
    assert diarize(server, sample.read_bytes()).rttm == alone.rttm
    now = read_counts(server)
    assert now["answered_requests", "full"] == before["answered_requests", "full"] + 1
    assert now["audio_seconds", "full"] - before["audio_seconds", "full"] == pytest.approx(30)


def test_cancelling_does_not_affect_another_request(server, sample, long_recording):
    alone = diarize(server, sample.read_bytes())
    sad_before = calls_of_sad(server)
    under_way = UnderWay(server, long_recording)
    wait_until(lambda: begun(server, sad_before))
    neighbour = UnderWay(server, sample.read_bytes())
    under_way.cancel()
    wait_until(lambda: neighbour.outcomes)
    (answer,) = neighbour.outcomes
    assert same_turns(answer.as_numpy("LABELS"), alone.labels)

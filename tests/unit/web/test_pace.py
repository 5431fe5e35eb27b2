import pytest

from web.jobs.runner import FIRST_GUESS, OVERHEAD_S, Pace
from web.jobs.store import Job

NOW_S = 1000.0


def job(audio_s, elapsed_s=None):
    """A job that has run for this long, or waits."""
    started_s = None if elapsed_s is None else NOW_S - elapsed_s
    return Job(
        recording_id="a",
        options={},
        n_bytes=1,
        audio_s=audio_s,
        media_type="audio/wav",
        created_s=0,
        started_s=started_s,
    )


def test_the_first_estimate_is_a_guess():
    assert Pace().work_s(3600) == pytest.approx(OVERHEAD_S + 3600 * FIRST_GUESS)


def test_recent_jobs_replace_the_guess():
    pace = Pace()
    for _ in range(50):
        pace.learn(100, OVERHEAD_S + 25)
    assert pace.work_s(200) == pytest.approx(OVERHEAD_S + 50, rel=1e-3)


@pytest.mark.parametrize(("audio_s", "work_s"), [(None, 5), (0, 5), (10, -1)])
def test_a_job_of_unknown_length_or_duration_changes_nothing(audio_s, work_s):
    pace = Pace()
    pace.learn(audio_s, work_s)
    assert pace.work_s(60) == Pace().work_s(60)


def test_a_running_job_has_its_own_work_left_and_never_less_than_none():
    own_s = Pace().work_s(600)
    others = [job(600, 0)]
    assert Pace().remaining_s(job(600, 4), NOW_S, others, 1) == pytest.approx(own_s - 4)
    assert Pace().remaining_s(job(600, 99), NOW_S, others, 1) == 0


def test_a_waiting_job_waits_for_the_jobs_ahead():
    own_s = Pace().work_s(600)
    ahead = [job(600, 4), job(600, 99), job(600)]
    assert Pace().remaining_s(job(600), NOW_S, [], 2) == pytest.approx(own_s)
    assert Pace().remaining_s(job(600), NOW_S, ahead, 2) == pytest.approx(
        ((own_s - 4) + own_s) / 2 + own_s
    )

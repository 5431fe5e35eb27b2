import pytest

from web.estimates import FIRST_GUESS, OVERHEAD_S, Load, Pace, remaining_s

IDLE = Load([], [])


def test_before_anything_was_seen_there_is_a_guess():
    assert Pace().work_s(3600) == pytest.approx(OVERHEAD_S + 3600 * FIRST_GUESS)


def test_what_is_seen_counts_more_and_more():
    pace = Pace()
    for _ in range(50):
        pace.learn(100, OVERHEAD_S + 25)
    assert pace.work_s(200) == pytest.approx(OVERHEAD_S + 50, rel=1e-3)


@pytest.mark.parametrize(("audio_s", "work_s"), [(None, 5), (0, 5), (10, -1)])
def test_what_tells_nothing_changes_nothing(audio_s, work_s):
    pace = Pace()
    pace.learn(audio_s, work_s)
    assert pace.work_s(60) == Pace().work_s(60)


def test_a_running_job_has_its_own_work_left_and_never_less_than_none():
    own_s = Pace().work_s(600)
    assert remaining_s(Pace(), 600, 4, Load([(600, 4)], []), 1) == pytest.approx(own_s - 4)
    assert remaining_s(Pace(), 600, 99, Load([(600, 99)], []), 1) == 0


def test_a_waiting_job_waits_for_what_is_in_front_of_it():
    own_s = Pace().work_s(600)
    load = Load([(600, 4), (600, 99)], [600])
    assert remaining_s(Pace(), 600, None, IDLE, 2) == pytest.approx(own_s)
    assert remaining_s(Pace(), 600, None, load, 2) == pytest.approx(
        ((own_s - 4) + own_s) / 2 + own_s
    )

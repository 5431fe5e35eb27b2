"""Progress of a run: planted ones with a clock set by hand, and any (hypothesis)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.progress import FIRST_SPEED, MAX_OF_A_RUN, Progress, Status, progress_text
from fake_clock import FakeClock
from unit.seeded import seeded


def test_before_the_first_answer_those_in_flight_share_the_speed_of_a_small_server(clock):
    progress = Progress({"a": 600.0, "b": 1200.0}, 2, clock)
    progress.sent("a", 1_000)
    progress.sent("b", 2_000)
    clock.now_s += 10

    standing = progress.status()

    assert (standing.done_s, standing.total_s) == (FIRST_SPEED * 10, 1800)
    assert standing.left_s == pytest.approx((1200 - 150) / 15)  # b, with half of the server
    assert (standing.estimated, standing.n_bytes) == (True, 3_000)


def test_without_any_length_nothing_is_estimated(clock):
    progress = Progress({"a": None}, 1, clock)
    progress.sent("a", 1_000)
    clock.now_s += 10

    standing = progress.status()

    assert (standing.left_s, standing.estimated, standing.fraction) == (None, False, 0)


def test_after_an_answer_those_in_flight_are_estimated_from_its_speed(clock):
    progress = Progress({"a": 60.0, "b": 120.0}, 1, clock)
    progress.sent("a", 1_000)
    clock.now_s += 6  # ten times as fast as real time
    progress.answered("a", 60.0)
    progress.sent("b", 2_000)
    clock.now_s += 3

    standing = progress.status()

    assert standing.done_s == pytest.approx(60 + 30)
    assert standing.fraction == pytest.approx(0.5)
    assert standing.left_s == pytest.approx(9)
    assert (standing.estimated, standing.n_ended, standing.n_recordings) == (True, 1, 2)


def test_what_has_no_answer_is_never_shown_as_done(clock):
    progress = Progress({"a": 60.0, "b": 100.0}, 1, clock)
    progress.sent("a", 1)
    clock.now_s += 6
    progress.answered("a", 60.0)
    progress.sent("b", 1)
    clock.now_s += 1e6

    standing = progress.status()

    assert standing.done_s == pytest.approx(60 + 95)
    assert standing.left_s == pytest.approx(0.5)


def test_the_time_left_is_at_least_that_of_the_longest(clock):
    progress = Progress({"a": 60.0, "b": 60.0, "c": 60.0, "d": 600.0}, 2, clock)
    progress.sent("a", 1)
    clock.now_s += 6
    progress.answered("a", 60.0)

    assert progress.status().left_s == pytest.approx(60)  # d alone; all of them: 36 s


def test_a_failure_counts_as_done_and_says_nothing_about_speed(clock):
    progress = Progress({"a": 60.0, "b": 60.0}, 1, clock)
    progress.sent("a", 1)
    clock.now_s += 1
    progress.failed("a")

    standing = progress.status()

    assert (standing.done_s, standing.fraction) == (60, 0.5)
    assert (standing.left_s, standing.estimated) == (60 / FIRST_SPEED, False)


def test_an_unknown_length_is_counted_once_the_answer_has_it(clock):
    progress = Progress({"a": None, "b": 60.0}, 1, clock)
    progress.sent("a", 1)
    clock.now_s += 4
    before = progress.status()
    progress.answered("a", 40.0)
    after = progress.status()

    assert (before.total_s, before.done_s) == (60, 0)
    assert (after.total_s, after.done_s) == (100, 40)
    assert after.left_s == pytest.approx(6)


def test_without_any_length_recordings_are_counted(clock):
    progress = Progress({"a": None, "b": None}, 1, clock)
    progress.sent("a", 1)
    progress.failed("a")

    assert progress.status().fraction == 0.5


def test_known_lengths_that_are_all_done_do_not_end_a_run(clock):
    progress = Progress({"a": None, "b": 60.0}, 1, clock)
    progress.answered("b", 60.0)

    assert progress.status().fraction == MAX_OF_A_RUN


def test_a_retry_does_not_move_the_bar_back(clock):
    progress = Progress({"a": 60.0, "b": 60.0}, 1, clock)
    progress.sent("a", 1)
    clock.now_s += 6
    progress.answered("a", 60.0)
    progress.sent("b", 5)
    clock.now_s += 3
    before = progress.status()
    progress.sent("b", 5)
    after = progress.status()

    assert before.done_s == after.done_s == pytest.approx(90)
    assert after.n_bytes == 11


def test_an_empty_run_is_complete():
    assert Progress({}, 1).status().fraction == 1


LENGTHS_S = st.none() | st.floats(0, 1e5)
EVENTS = st.tuples(
    st.integers(0, 3), st.sampled_from(["sent", "answered", "failed"]), st.floats(0, 1e4), LENGTHS_S
)


@seeded()
@given(st.lists(LENGTHS_S, min_size=4, max_size=4), st.integers(1, 3), st.lists(EVENTS))
def test_the_bar_never_goes_back_and_is_full_only_at_the_end(lengths_s, jobs, events):
    clock = FakeClock()
    progress = Progress({f"r{number}": each for number, each in enumerate(lengths_s)}, jobs, clock)
    seen = [progress.status()]
    left = {0, 1, 2, 3}
    for number, event, wait_s, audio_s in [
        *events,
        *((each, "failed", 1, None) for each in range(4)),
    ]:
        if number not in left:
            continue
        clock.now_s += wait_s
        more = {"sent": (10,), "answered": (audio_s,), "failed": ()}[event]
        getattr(progress, event)(f"r{number}", *more)
        left -= {number} if event != "sent" else set()
        seen.append(progress.status())
        assert (seen[-1].fraction == 1) == (not left)
        assert 0 <= seen[-1].done_s <= seen[-1].total_s + 1e-6
        assert seen[-1].left_s is None or seen[-1].left_s >= 0

    for values in ([each.fraction for each in seen], [each.done_s for each in seen]):
        assert values == sorted(values)


@pytest.mark.parametrize(
    ("standing", "text"),
    [
        (
            Status(750, 6000, 0.125, True, 190.5, 3, 10, 120_000_000),
            "~0:12:30 of 1:40:00 audio, 3/10 done, ~0:03:10 left, 120.0 MB sent",
        ),
        (
            Status(0, 6000, 0, False, None, 0, 10, 0),
            "0:00:00 of 1:40:00 audio, 0/10 done, estimating, 0.0 MB sent",
        ),
        (
            Status(60, 60, 1, False, None, 1, 1, 1_900_000),
            "0:01:00 of 0:01:00 audio, 1/1 done, 1.9 MB sent",
        ),
        (
            Status(0, 0, 0.5, False, None, 1, 2, 20),
            "1/2 done, estimating, 0.0 MB sent",
        ),
    ],
)
def test_guesses_are_marked(standing, text):
    assert progress_text(standing) == text

import random
from pathlib import Path

import pytest

from console.run_report import set_up_logging
from inputs.recordings import Recording
from sending.in_flight import Backoff, Retries
from sending.outcome import Answer, Failure

A, B = (Recording(name, Path(f"{name}.wav")) for name in "ab")


@pytest.fixture
def retries(clock):
    """Patience of 60 s; waits of 1, 2, 4, 8, 8, ... s, less by up to a half."""
    return Retries(60.0, Backoff(first_s=1.0, max_s=8.0), clock, random.Random(1))


def away(recording):
    return Failure(recording, "the server is away", transient=True)


def wait_s(retries, clock):
    """Let the clock go on until the next recording is due, and take it."""
    passed_s = retries.next_in_s(max_s=1e9)
    clock.now_s += passed_s
    assert retries.due() is not None
    return passed_s


def test_the_wait_doubles_up_to_the_most_and_chance_takes_up_to_half_of_it():
    backoff = Backoff(first_s=1.0, max_s=8.0)

    assert [backoff.delay_s(n, 0.0) for n in range(1, 7)] == [1, 2, 4, 8, 8, 8]
    assert [backoff.delay_s(n, 1.0) for n in range(1, 7)] == [0.5, 1, 2, 4, 4, 4]
    assert backoff.delay_s(100_000, 0.0) == 8


def test_an_answer_and_a_failure_for_good_end_their_recordings(retries):
    answer, failure = Answer(A, b"", {}, 0.0), Failure(B, "no")

    assert retries.final(answer) is answer
    assert retries.final(failure) is failure
    assert retries.due() is None


def test_a_recording_is_due_after_its_wait_and_not_before(retries, clock):
    assert retries.final(away(A)) is None
    delay_s = retries.next_in_s(max_s=1e9)

    assert 0.5 <= delay_s <= 1.0
    assert retries.due() is None
    clock.now_s += delay_s
    assert retries.next_in_s(max_s=1e9) == 0
    assert retries.due() is A
    assert retries.due() is None


def test_the_look_at_the_clock_is_never_put_off_longer_than_asked(retries):
    assert retries.next_in_s(max_s=0.2) == 0.2
    retries.final(away(A))
    assert retries.next_in_s(max_s=0.2) == 0.2


def test_two_that_failed_together_do_not_come_back_together(retries, clock):
    retries.final(away(A))
    retries.final(away(B))

    wait_s(retries, clock)
    assert wait_s(retries, clock) > 0


def test_patience_is_counted_from_the_first_failure_and_used_up_to_its_end(retries, clock):
    began_s, outcome, n_sent = clock.now_s, None, 1
    while (outcome := retries.final(away(A))) is None:
        wait_s(retries, clock)
        n_sent += 1

    assert clock.now_s - began_s == pytest.approx(60.0)
    assert outcome == Failure(
        A, f"the server is away; sent {n_sent} times within 60 s (--retry_for)", transient=True
    )


def test_every_recording_has_a_patience_of_its_own(retries, clock):
    retries.final(away(A))
    clock.now_s += 61

    assert retries.final(away(B)) is None
    assert isinstance(retries.final(away(A)), Failure)


def test_without_patience_a_failure_stays_as_it_is(clock):
    failure = away(A)

    assert Retries(0, clock=clock).final(failure) is failure


def test_an_outage_has_one_line_at_its_beginning_and_one_at_its_end(retries, clock, capsys):
    set_up_logging(verbose=False)
    for _ in range(5):
        for recording in (A, B):
            retries.final(away(recording))
            wait_s(retries, clock)
    retries.final(Answer(A, b"", {}, 0.0))
    retries.final(Answer(B, b"", {}, 0.0))

    assert capsys.readouterr().err.splitlines() == [
        "WARNING: a: the server is away; such failures are sent again for 60 s (--retry_for)",
        "INFO: 2 recording(s) were sent again and answered",
    ]


def test_an_outage_that_nobody_outlived_does_not_end_well(retries, clock, capsys):
    set_up_logging(verbose=False)
    retries.final(away(A))
    clock.now_s += 61
    retries.final(away(A))
    retries.final(away(B))

    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["WARNING"] * 2


def test_verbose_tells_every_failure(retries, capsys):
    set_up_logging(verbose=True)
    retries.final(away(A))
    retries.final(away(A))

    assert capsys.readouterr().err.count("DEBUG: a: the server is away; sent again in ") == 2

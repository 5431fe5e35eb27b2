import random
from pathlib import Path

import pytest

from console.run_report import set_up_logging
from inputs.recordings import Recording
from sending.in_flight import Backoff, CancelledError, Retries, diarize_all
from sending.outcome import Answer, Failure

A, B = (Recording(name, Path(f"{name}.wav")) for name in "ab")


@pytest.fixture
def retries(clock):
    """Retries for 60 s; waits of 1, 2, 4, 8, 8, ... s, less by up to a half."""
    return Retries(60.0, Backoff(first_s=1.0, max_s=8.0), clock, random.Random(1))


def away(recording):
    return Failure(recording, "the server is away", transient=True)


def wait_s(retries, clock):
    """Advance the clock until the next recording is due, and take it."""
    passed_s = retries.next_in_s(max_s=1e9)
    clock.now_s += passed_s
    assert retries.due() is not None
    return passed_s


def test_the_wait_doubles_up_to_a_maximum_with_jitter_of_up_to_half():
    backoff = Backoff(first_s=1.0, max_s=8.0)

    assert [backoff.delay_s(n, 0.0) for n in range(1, 7)] == [1, 2, 4, 8, 8, 8]
    assert [backoff.delay_s(n, 1.0) for n in range(1, 7)] == [0.5, 1, 2, 4, 4, 4]
    assert backoff.delay_s(100_000, 0.0) == 8


def test_answers_and_permanent_failures_are_final(retries):
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


def test_the_wait_is_limited_by_its_argument(retries):
    assert retries.next_in_s(max_s=0.2) == 0.2
    retries.final(away(A))
    assert retries.next_in_s(max_s=0.2) == 0.2


def test_recordings_that_failed_together_are_not_retried_together(retries, clock):
    retries.final(away(A))
    retries.final(away(B))

    wait_s(retries, clock)
    assert wait_s(retries, clock) > 0


def test_the_retry_period_starts_at_the_first_failure(retries, clock):
    began_s, outcome, n_sent = clock.now_s, None, 1
    while (outcome := retries.final(away(A))) is None:
        wait_s(retries, clock)
        n_sent += 1

    assert clock.now_s - began_s == pytest.approx(60.0)
    assert outcome == Failure(
        A, f"the server is away; sent {n_sent} times within 60 s (--retry_for)", transient=True
    )


def test_every_recording_has_its_own_retry_period(retries, clock):
    retries.final(away(A))
    clock.now_s += 61

    assert retries.final(away(B)) is None
    assert isinstance(retries.final(away(A)), Failure)


def test_without_a_retry_period_a_failure_is_final(clock):
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


def test_an_outage_without_recovery_is_not_reported_as_over(retries, clock, capsys):
    set_up_logging(verbose=False)
    retries.final(away(A))
    clock.now_s += 61
    retries.final(away(A))
    retries.final(away(B))

    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["WARNING"] * 2


def test_verbose_logs_every_failure(retries, capsys):
    set_up_logging(verbose=True)
    retries.final(away(A))
    retries.final(away(A))

    assert capsys.readouterr().err.count("DEBUG: a: the server is away; sent again in ") == 2


def recordings(n):
    return [Recording(f"r{number}", Path(f"r{number}.wav")) for number in range(n)]


def answer(recording):
    return Answer(recording, b"", {}, 0.0)


class OldestWhenFull:
    """Answers the oldest recording as soon as `room` are waiting, so that no more ever wait."""

    def __init__(self, room):
        self.room, self.waiting, self.sent, self.n_most = room, [], [], 0

    def send(self, recording, audio, deliver):
        assert audio == recording.recording_id.encode()
        self.sent.append(recording.recording_id)
        self.waiting.append((recording, deliver))
        self.n_most = max(self.n_most, len(self.waiting))
        n_left = 5 - len(self.sent)
        while self.waiting and (len(self.waiting) == self.room or not n_left):
            first, deliver_first = self.waiting.pop(0)
            deliver_first(answer(first))


def load(recording):
    return recording.recording_id.encode()


def never():
    return False


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_recording_has_one_outcome_and_jobs_are_in_flight(jobs):
    diarizer = OldestWhenFull(jobs)

    outcomes = list(diarize_all(diarizer, recordings(5), load, jobs, never))

    assert sorted(each.recording.recording_id for each in outcomes) == diarizer.sent
    assert diarizer.sent == ["r0", "r1", "r2", "r3", "r4"]
    assert diarizer.n_most == jobs


def test_no_recordings_have_no_outcomes():
    assert list(diarize_all(OldestWhenFull(1), [], load, 1, never)) == []


def test_files_are_read_only_when_there_is_room():
    loaded = []

    def counted(recording):
        loaded.append(recording.recording_id)
        return load(recording)

    outcomes = diarize_all(OldestWhenFull(2), recordings(5), counted, 2, never)
    next(outcomes)

    assert loaded == ["r0", "r1"]
    assert len(list(outcomes)) == 4


def test_a_file_that_cannot_be_read_fails_alone():
    def picky(recording):
        if recording.recording_id == "r1":
            raise ValueError("r1.wav is no audio")
        return load(recording)

    diarizer = OldestWhenFull(1)

    outcomes = list(diarize_all(diarizer, recordings(5), picky, 1, never))

    (failure,) = [each for each in outcomes if isinstance(each, Failure)]
    assert failure == Failure(recordings(2)[1], "r1.wav is no audio")
    assert diarizer.sent == ["r0", "r2", "r3", "r4"]


def test_after_ctrl_c_nothing_more_is_sent():
    diarizer = OldestWhenFull(1)
    outcomes = diarize_all(diarizer, recordings(5), load, 1, lambda: diarizer.sent == ["r0", "r1"])

    next(outcomes)
    with pytest.raises(CancelledError):
        list(outcomes)

    assert diarizer.sent == ["r0", "r1"]


def test_reading_that_ctrl_c_stopped_is_not_a_failure():
    interrupted = []

    def stopped_error(recording):
        interrupted.append(True)
        raise ValueError(f"reading {recording.path} was stopped")

    with pytest.raises(CancelledError):
        list(diarize_all(None, recordings(1), stopped_error, 1, lambda: bool(interrupted)))


def test_ctrl_c_is_noticed_while_nothing_arrives():
    class Silent:
        def send(self, recording, audio, deliver):
            pass

    looks = iter([False] * 4 + [True])

    with pytest.raises(CancelledError):
        list(diarize_all(Silent(), recordings(1), load, 1, lambda: next(looks)))


class AnswersTheSecondTime:
    """Fails every recording once, in a way that may pass."""

    def __init__(self):
        self.sent = []

    def send(self, recording, audio, deliver):
        self.sent.append(recording.recording_id)
        first = self.sent.count(recording.recording_id) == 1
        deliver(Failure(recording, "away", transient=True) if first else answer(recording))


def test_a_transient_failure_is_loaded_and_sent_again():
    loaded = []

    def counted(recording):
        loaded.append(recording.recording_id)
        return load(recording)

    diarizer = AnswersTheSecondTime()
    retries = Retries(60, Backoff(first_s=0.0))

    outcomes = list(diarize_all(diarizer, recordings(3), counted, 2, never, retries))

    assert sorted(each.recording.recording_id for each in outcomes) == ["r0", "r1", "r2"]
    assert all(isinstance(each, Answer) for each in outcomes)
    assert sorted(diarizer.sent) == sorted(loaded) == ["r0", "r0", "r1", "r1", "r2", "r2"]


def test_without_retries_such_a_failure_is_the_outcome():
    (outcome,) = diarize_all(AnswersTheSecondTime(), recordings(1), load, 1, never)

    assert outcome == Failure(recordings(1)[0], "away", transient=True)


def test_a_file_that_has_gone_before_it_is_sent_again_is_a_failure():
    def gone_the_second_time(recording):
        if diarizer.sent:
            raise ValueError("r0.wav is gone")
        return load(recording)

    diarizer = AnswersTheSecondTime()
    retries = Retries(60, Backoff(first_s=0.0))

    outcomes = list(diarize_all(diarizer, recordings(1), gone_the_second_time, 1, never, retries))

    assert outcomes == [Failure(recordings(1)[0], "r0.wav is gone")]


def test_recordings_that_wait_for_a_retry_count_as_in_flight():
    diarizer = AnswersTheSecondTime()
    retries = Retries(60, Backoff(first_s=1000.0))
    outcomes = diarize_all(
        diarizer, recordings(5), load, 2, lambda: len(diarizer.sent) == 2, retries
    )

    with pytest.raises(CancelledError):
        list(outcomes)

    assert diarizer.sent == ["r0", "r1"]

from pathlib import Path

import pytest

from inputs.recordings import Recording
from sending.in_flight import Backoff, CancelledError, Retries, diarize_all
from sending.outcome import Answer, Failure


def recordings(n):
    return [Recording(f"r{number}", Path(f"r{number}.wav")) for number in range(n)]


def answer(recording):
    return Answer(recording, b"", {}, 0.0)


class OldestWhenFull:
    """Answers the oldest recording as soon as `room` are there: never more than that wait."""

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


def test_what_ctrl_c_broke_off_while_it_was_read_is_no_failure():
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


def test_a_failure_that_may_pass_is_loaded_and_sent_again_and_has_one_outcome():
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


def test_those_that_wait_to_be_sent_again_keep_their_place():
    diarizer = AnswersTheSecondTime()
    retries = Retries(60, Backoff(first_s=1000.0))
    outcomes = diarize_all(
        diarizer, recordings(5), load, 2, lambda: len(diarizer.sent) == 2, retries
    )

    with pytest.raises(CancelledError):
        list(outcomes)

    assert diarizer.sent == ["r0", "r1"]

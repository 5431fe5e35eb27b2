"""When pieces are sent, and how long their answers take, on a clock of the test."""

import numpy as np
import pytest

from measure.live_measuring.load import LoadResult, speak
from measure.live_measuring.streaming import Sound


class SlowSession:
    """Answers each piece after these seconds, and the end after one more."""

    def __init__(self, clock, *answers_s):
        self._clock, self._answers_s = clock, [*answers_s, 1.5]
        self.sent_s = []

    def send(self, _piece):
        self.sent_s.append(self._clock.now_s)
        self._clock.now_s += self._answers_s.pop(0)

    def end(self):
        self.send(None)


def spoken(clock, session, n):
    def sleep(length_s):
        clock.now_s += length_s

    return speak(session, [np.zeros(8, np.int16)] * n, 0.5, clock.now_s, clock, sleep)


def test_a_piece_is_sent_when_its_last_sample_is_spoken(clock):
    session = SlowSession(clock, 0.25, 0.125)

    lags_s, result_s = spoken(clock, session, 2)

    assert [sent_s - 1000 for sent_s in session.sent_s] == [0.5, 1.0, 1.125]
    assert lags_s == [0.25, 0.125]
    assert result_s == 1.5


def test_the_wait_for_the_answer_before_counts(clock):
    session = SlowSession(clock, 0.75, 0.25, 0.25)

    lags_s, _ = spoken(clock, session, 3)

    assert [sent_s - 1000 for sent_s in session.sent_s[:3]] == [0.5, 1.25, 1.5]
    assert lags_s == [0.75, 0.5, 0.25]


def test_percentiles_are_those_of_all_lags():
    result = LoadResult(2, 0.5, [0.0, 1.0, 2.0, 3.0, 4.0], [1.0])

    assert [result.lag_s(percent) for percent in (50, 75, 100)] == [2.0, 3.0, 4.0]


@pytest.mark.parametrize(("length_s", "numbers"), [(0.5, [0, 1]), (1.25, [0, 1, 2, 0, 1])])
def test_sound_is_cut_or_repeated_to_a_length(length_s, numbers):
    sound = Sound(np.arange(3, dtype=np.int16), 4)

    assert sound.repeated(length_s).samples.tolist() == numbers


def test_pieces_join_to_the_whole_and_the_last_is_shorter():
    pieces = Sound(np.arange(5, dtype=np.int16), 4).pieces(0.5)

    assert [piece.tolist() for piece in pieces] == [[0, 1], [2, 3], [4]]

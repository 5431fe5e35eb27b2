"""Audio that is read ahead, and how much of it is sent at once."""

import itertools
import threading

import numpy as np
import pytest

from inputs.audio_files import AudioError
from live import run
from live.feed import Feed
from live.run import send_all

HZ = 1000
WITHIN_S = 60


class Heard:
    """Takes the place of a session; `then` is called after each piece."""

    def __init__(self, then=lambda: None):
        self.pieces = []
        self._then = then

    def send(self, samples):
        self.pieces.append(samples.tolist())
        self._then()
        return []


def never():
    return False


def blocks(n_blocks, n=250):
    return iter(np.arange(n_blocks * n, dtype=np.int16).reshape(n_blocks, n))


def test_samples_come_in_order_and_end():
    with Feed(blocks(4), HZ) as feed:
        assert feed.wait(1000, WITHIN_S)
        taken = [feed.take(300), feed.take(600), feed.take(600)]

        assert [len(each) for each in taken] == [300, 600, 100]
        assert np.concatenate(taken).tolist() == list(range(1000))
        assert feed.wait(1, WITHIN_S)
        assert feed.is_over


def test_waiting_for_samples_that_do_not_come_ends():
    hold = threading.Event()

    def silent():
        hold.wait(WITHIN_S)
        yield np.zeros(1, np.int16)

    with Feed(silent(), HZ) as feed:
        assert not feed.wait(1, 0.01)
        hold.set()
        assert feed.wait(1, WITHIN_S)


def test_what_was_read_before_an_error_is_still_there():
    def broken():
        yield np.ones(5, np.int16)
        raise AudioError("unplugged")

    with Feed(broken(), HZ) as feed:
        assert feed.wait(6, WITHIN_S)
        assert len(feed.take(10)) == 5
        assert str(feed.error) == "unplugged"


def test_a_source_without_end_waits_when_much_is_held():
    n_read = itertools.count()

    def endless():
        while True:
            next(n_read)
            yield np.zeros(100 * HZ, np.int16)

    with Feed(endless(), HZ) as feed:
        assert feed.wait(600 * HZ, WITHIN_S)
        assert len(feed.take(10_000 * HZ)) == 600 * HZ
    assert next(n_read) <= 14


def test_audio_is_sent_in_the_least_pieces_while_the_server_keeps_up():
    sent = threading.Semaphore(0)

    def spoken():
        for number, block in enumerate(blocks(8)):
            if number and number % 2 == 0:
                assert sent.acquire(timeout=WITHIN_S)
            yield block

    session = Heard(sent.release)
    with Feed(spoken(), HZ) as feed:
        send_all(feed, session, None, (500, 10_000), never)

    pieces = [piece for piece in session.pieces if piece]
    assert [len(piece) for piece in pieces] == [500] * 4
    assert list(itertools.chain(*pieces)) == list(range(2000))


def test_pieces_grow_up_to_the_most_while_the_server_lags():
    with Feed(blocks(100), HZ) as feed:
        session = Heard(lambda: feed.wait(24_000, WITHIN_S) if len(session.pieces) == 1 else None)
        assert feed.wait(500, WITHIN_S)
        send_all(feed, session, None, (500, 10_000), never)

    assert max(len(piece) for piece in session.pieces) == 10_000
    assert len(session.pieces) <= 5
    assert list(itertools.chain(*session.pieces)) == list(range(25_000))


def test_a_silent_source_keeps_its_session_alive(monkeypatch):
    monkeypatch.setattr(run, "KEEP_ALIVE_S", 0.02)
    monkeypatch.setattr(run, "_POLL_S", 0.01)
    polled_twice = threading.Event()

    def silent():
        assert polled_twice.wait(WITHIN_S)
        yield np.zeros(250, np.int16)

    session = Heard(lambda: polled_twice.set() if len(session.pieces) == 2 else None)
    with Feed(silent(), HZ) as feed:
        send_all(feed, session, None, (500, 10_000), never)

    assert session.pieces[:2] == [[], []]
    assert [piece for piece in session.pieces if piece] == [[0] * 250]


@pytest.mark.parametrize("n_held", [0, 3])
def test_an_interrupt_ends_the_audio_and_what_was_heard_is_sent(n_held):
    asked_again, is_over = threading.Event(), threading.Event()

    def spoken():
        yield from blocks(n_held)
        asked_again.set()
        assert is_over.wait(WITHIN_S)
        yield np.full(250, -1, np.int16)

    session = Heard()
    with Feed(spoken(), HZ) as feed:
        assert asked_again.wait(WITHIN_S)
        send_all(feed, session, None, (500, 10_000), lambda: True)
        is_over.set()

    assert list(itertools.chain(*session.pieces)) == list(range(250 * n_held))

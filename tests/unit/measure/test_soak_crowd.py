"""Many clients against askers that are planted: what is wrong, lost or doubled is told."""

import threading

import numpy as np
import pytest

from measure.soaking.asking import Outcome, audio_request
from measure.soaking.cases import ANSWERED, REFUSED
from measure.soaking.crowd import let_loose
from measure.soaking.load import so_many
from measure.soaking.mix import BAD, GONE, GOOD, LONG, Known, Mix, Planned, unlike
from unit.measure.test_soak_verdicts import PLAIN, answer, moved, refusal

WHOLE = (1000 * np.sin(np.arange(480_000) / 20)).astype(np.int16)


class Call:
    """A call under way; cancelled, it delivers that, as gRPC does."""

    def __init__(self, deliver):
        self.deliver = deliver

    def cancel(self):
        self.deliver(Outcome("recording", "CANCELLED", "cancelled by the client", 0.1))


class PlantedAsker:
    """Answers each request with the outcomes that `reply` makes of it."""

    def __init__(self, reply):
        self.reply, self.n_sent = reply, 0

    def send(self, request, deliver):
        self.n_sent += 1
        for outcome in self.reply(request):
            deliver(outcome)
        return Call(deliver)

    def ask(self, request):
        return self.reply(request)[0]


def planned(kind, alone, patience_s=None):
    return Planned(kind, Known("it", audio_request(b"x"), alone), patience_s)


def ledger_of(plan, reply, n_clients=3):
    left = iter(plan)
    lock = threading.Lock()

    def following():
        with lock:
            return next(left, None)

    return let_loose([PlantedAsker(reply) for _ in range(n_clients)], following)


def test_every_request_gets_its_one_outcome():
    plan = [planned(GOOD, answer(*PLAIN))] * 20 + [planned(BAD, refusal())]
    ledger = ledger_of(plan, lambda _: [answer(*moved(0.01))])
    assert ledger.counts() == {"good": {"OK": 20}, "bad": {"OK": 1}}
    assert ledger.lost == []
    assert len(ledger.wrong) == 1
    assert ledger.wrong[0].startswith("bad, it: got 2 speaker(s)")
    assert ledger.latencies_s(GOOD) == [0.5] * 20
    assert ledger.n_different(GOOD) == 1


def test_an_answer_that_comes_twice_or_never_is_lost(monkeypatch):
    monkeypatch.setattr("measure.soaking.crowd.TIMEOUT_S", 0.0)
    monkeypatch.setattr("measure.soaking.crowd.GRACE_S", 0.01)
    twice = ledger_of([planned(GOOD, answer())], lambda _: [answer()] * 2)
    never = ledger_of([planned(GOOD, answer())], lambda _: [])
    assert twice.lost == ["good, it: 2 outcomes"]
    assert never.lost == ["good, it: 0 outcomes"]


def test_who_cancels_may_get_nothing_but_nobody_else():
    gone = ledger_of([planned(GONE, answer(*PLAIN), 0.0)], lambda _: [])
    assert (gone.counts(), gone.wrong, gone.lost) == ({"cancelled": {"CANCELLED": 1}}, [], [])
    cancelled = Outcome("recording", "CANCELLED", "", 0.1)
    assert planned(GOOD, answer(*PLAIN)).problem(cancelled)
    assert planned(GONE, answer(*PLAIN)).problem(answer()) is not None


@pytest.mark.parametrize(
    ("outcome", "alone"),
    [
        (refusal(), answer(*PLAIN)),
        (answer(*PLAIN), refusal()),
        (refusal("other words"), refusal()),
        (answer(*moved(0.03)), answer(*PLAIN)),
        (Outcome("recording", "UNAVAILABLE", "the queue is full", 0.1), answer(*PLAIN)),
    ],
)
def test_another_outcome_than_alone_is_wrong(outcome, alone):
    assert unlike(outcome, alone)
    assert unlike(alone, alone) is None


def mix(seed, n_good=5):
    return Mix(PlantedAsker(lambda _: [answer()]), WHOLE[:208_000], WHOLE, seed, n_good)


def test_a_seed_draws_the_same_requests_again():
    def drawn(seed):
        of_seed = mix(seed)
        return [(each.kind, each.known.name, each.patience_s) for each in draws(of_seed, 200)]

    def draws(of_seed, n):
        return [of_seed.draw() for _ in range(n)]

    assert drawn(1) == drawn(1) != drawn(2)
    kinds = {kind for kind, _, _ in drawn(1)}
    assert kinds == {GOOD, LONG, BAD, GONE}
    assert all((patience_s is not None) == (kind == GONE) for kind, _, patience_s in drawn(1))


def test_the_mix_knows_all_that_is_refused_and_as_much_good_as_asked_for():
    few, everything = mix(0), mix(0, None)
    assert len(few.known[GOOD]) == 5
    assert len(everything.known[GOOD]) == len(ANSWERED)
    assert len(few.known[BAD]) == len(REFUSED)


def test_what_is_refused_alone_is_no_good_request():
    replies = iter([refusal(), *[answer()] * 500])
    known = Mix(PlantedAsker(lambda _: [next(replies)]), WHOLE[:208_000], WHOLE, 0, 5).known
    assert len(known[GOOD]) == 4
    assert len(known[BAD]) == len(REFUSED) + 1


def test_so_many_requests_are_drawn_and_no_more():
    following = so_many(mix(0), 3)
    assert [following() is None for _ in range(5)] == [False, False, False, True, True]

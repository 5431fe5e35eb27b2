"""Many planted clients: what is wrong, lost or doubled is reported; the mix."""

import json
import threading
from dataclasses import asdict

import numpy as np
import pytest

from measure.soaking import load
from measure.soaking.cases import ANSWERED, REFUSED
from measure.soaking.load import (
    BAD,
    CANCEL,
    GOOD,
    LONG,
    Mix,
    PlannedRequest,
    run_clients,
)
from measure.soaking.requests import Outcome, file_request
from unit.measure.soaking.test_judging import PLAIN, answer, moved, refusal

WHOLE = (1000 * np.sin(np.arange(480_000) / 20)).astype(np.int16)


class Call:
    """A call in progress; cancelling it delivers the cancellation, as gRPC does."""

    def __init__(self, on_outcome):
        self.on_outcome = on_outcome

    def cancel(self):
        self.on_outcome(Outcome("recording", "CANCELLED", "cancelled by the client", 0.1))


class FakeClient:
    """Answers each request with the outcomes that `reply` makes of it."""

    def __init__(self, reply):
        self.reply = reply

    def start(self, request, on_outcome):
        for outcome in self.reply(request):
            on_outcome(outcome)
        return Call(on_outcome)

    def infer(self, request):
        return self.reply(request)[0]


def planned(kind, outcome, patience_s=None):
    return PlannedRequest(kind, "it", file_request(b"x"), outcome, patience_s)


def result_of(plan, reply, n_clients=3):
    left, lock = iter(plan), threading.Lock()

    def next_request():
        with lock:
            return next(left, None)

    return run_clients([FakeClient(reply) for _ in range(n_clients)], next_request)


def test_every_request_gets_its_one_outcome():
    plan = [planned(GOOD, answer(*PLAIN))] * 20 + [planned(BAD, refusal())]

    result = result_of(plan, lambda _: [answer(*moved(10))])

    assert result.counts == {"good": {"OK": 20}, "bad": {"OK": 1}}
    assert json.loads(json.dumps(asdict(result)))["counts"] == result.counts
    assert result.lost == []
    assert len(result.wrong) == 1
    assert result.wrong[0].startswith("bad, it: got 2 speaker(s)")


@pytest.mark.parametrize("n_outcomes", [0, 2])
def test_answer_that_comes_twice_or_never_is_lost(monkeypatch, n_outcomes):
    monkeypatch.setattr(load, "TIMEOUT_S", 0.0)
    monkeypatch.setattr(load, "GRACE_S", 0.01)

    result = result_of([planned(GOOD, answer())], lambda _: [answer()] * n_outcomes)

    assert result.lost == [f"good, it: {n_outcomes} outcomes"]


def test_only_a_cancelled_request_may_have_no_answer():
    gone = result_of([planned(CANCEL, answer(*PLAIN), 0.0)], lambda _: [])

    assert (gone.counts, gone.wrong, gone.lost) == ({"cancelled": {"CANCELLED": 1}}, [], [])
    cancelled = Outcome("recording", "CANCELLED", "", 0.1)
    assert planned(GOOD, answer(*PLAIN)).problem(cancelled)
    assert planned(CANCEL, answer(*PLAIN)).problem(answer())


def mix(seed, n_good=5):
    return Mix(FakeClient(lambda _: [answer()]), WHOLE[:208_000], WHOLE, seed, n_good)


def test_seed_draws_the_same_requests_again():
    def drawn(seed):
        of_seed = mix(seed, n_good=2)
        draws = [of_seed.draw() for _ in range(200)]
        return [(each.kind, each.name, each.patience_s) for each in draws]

    one = drawn(1)
    assert one == drawn(1) != drawn(2)
    assert {kind for kind, _, _ in one} == {GOOD, LONG, BAD, CANCEL}
    assert all((patience_s is not None) == (kind == CANCEL) for kind, _, patience_s in one)


def test_mix_has_all_refused_cases_and_some_answered_ones():
    few, everything = mix(0).by_kind, mix(0, None).by_kind

    assert (len(few[GOOD]), len(everything[GOOD])) == (5, len(ANSWERED))
    assert len(few[BAD]) == len(REFUSED)


def test_case_that_is_refused_alone_is_a_bad_request():
    replies = iter([refusal(), *[answer()] * 500])

    baselines = Mix(FakeClient(lambda _: [next(replies)]), WHOLE[:208_000], WHOLE, 0, 5).by_kind

    assert (len(baselines[GOOD]), len(baselines[BAD])) == (4, len(REFUSED) + 1)


def test_a_number_of_requests_is_drawn():
    next_request = mix(0).for_count(3)

    assert [next_request() is None for _ in range(5)] == [False, False, False, True, True]

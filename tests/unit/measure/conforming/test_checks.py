"""The checks on a small net, whose golden outputs are a mean, and servers with planted faults."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from measure.conforming import checks
from measure.conforming.checks import Reply
from measure.conforming.nets import Likeness, Net, least_cosine, share_alike

MOST_ROWS = 64


def mean(values):
    return {"embs": values.mean(axis=1)}


def ramps(n_rows, length):
    """Rows that differ, shape=(n_rows, length, 2)."""
    return np.random.default_rng(length).standard_normal((n_rows, length, 2), dtype=np.float32)


NET = Net("net", "feats", mean, ramps, (9, 5), Likeness("cosine", least_cosine, 0.999))


class FaultlessServer:
    """Answers as it should; requests that arrive together are one batch."""

    def __init__(self):
        self.lock = threading.Lock()
        self.n_asked = 0

    def ask(self, model, values):
        with self.lock:
            self.n_asked += 1
        assert model == "net"
        ((name, rows),) = values.items()
        if name != "feats" or rows.dtype != np.float32 or rows.shape[2:] != (2,):
            return Reply({}, "INVALID_ARGUMENT", "unexpected input")
        if not 0 < len(rows) <= MOST_ROWS or not rows.size:
            return Reply({}, "INVALID_ARGUMENT", "unexpected batch")
        return self.answer(rows)

    def answer(self, rows):
        return Reply(mean(rows))

    def max_batch_size(self, model):
        return MOST_ROWS

    def n_runs(self, model):
        return self.n_asked // 2


class Shifted(FaultlessServer):
    def answer(self, rows):
        return Reply({"embs": rows.mean(axis=1) + np.float32(2e-4)})


class ShortOfARow(FaultlessServer):
    def answer(self, rows):
        return Reply({"embs": rows.mean(axis=1)[1:]})


class SpreadsNan(FaultlessServer):
    def answer(self, rows):
        return Reply({"embs": rows.mean(axis=1) + 0 * rows.sum()})


class MixesRequests(FaultlessServer):
    """Later requests get rows in another order."""

    def answer(self, rows):
        return Reply({"embs": rows.mean(axis=1)[:: -1 if self.n_asked > 30 else 1]})


class NeverMerges(FaultlessServer):
    def n_runs(self, model):
        return self.n_asked


class ShowsPaths(FaultlessServer):
    def ask(self, model, values):
        reply = super().ask(model, values)
        return replace(reply, text=reply.text and "failed in /opt/tritonserver/backends/a")


class TakesAnything(FaultlessServer):
    def ask(self, model, values):
        ((_, rows),) = values.items()
        return Reply({"embs": rows.mean(axis=1).astype(np.float32)})


class Silent(FaultlessServer):
    def answer(self, rows):
        return Reply({}, "DEADLINE_EXCEEDED", "Deadline Exceeded")


def failed(server, single=True):
    """Names of the checks that fail, without the net's."""
    found = [check for each in checks.CHECKS for check in each(NET, server, single)]
    assert len(found) == 13
    return {check.name.removeprefix("net: ") for check in found if not check.passed}


GOLDEN = {"1 x 9", "4 x 9", "64 x 9", "1 x 5", "beside a row of NaN"}
AT_ONCE = "16 requests at once"
REFUSALS = {"one dimension too many", "unknown input", "doubles", "a row too short", "65 rows"}
EMPTY = {"no rows", "a row of length 0"}


@pytest.mark.parametrize("single", [True, False])
def test_a_faultless_server_passes(single):
    assert failed(FaultlessServer(), single) == set()


@pytest.mark.parametrize(
    ("faulty", "names"),
    [
        (Shifted, GOLDEN),
        (ShortOfARow, GOLDEN),
        (SpreadsNan, {"beside a row of NaN"}),
        (MixesRequests, {AT_ONCE}),
        (NeverMerges, {AT_ONCE}),
        (ShowsPaths, REFUSALS | EMPTY),
        (Silent, GOLDEN | {AT_ONCE}),
    ],
)
def test_a_fault_fails_the_checks_that_it_concerns(faulty, names):
    assert failed(faulty()) == names


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
def test_requests_that_do_not_fit_have_to_be_refused():
    assert failed(TakesAnything()) == REFUSALS


def test_half_precision_is_judged_by_likeness():
    assert failed(Shifted(), single=False) == set()
    assert failed(ShortOfARow(), single=False) == GOLDEN


def test_the_cosine_is_that_of_the_worst_row():
    got, expected = np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[2.0, 0.0], [1.0, 0.0]])

    assert least_cosine(got, expected) == pytest.approx(0.6)


def test_frames_are_alike_where_as_many_speak():
    classes = np.eye(7)
    got, expected = classes[[[0, 1, 6, 5]]], classes[[[0, 2, 3, 4]]]

    assert share_alike(got, expected) == 0.75

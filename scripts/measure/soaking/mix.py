"""A seeded mix of good, bad, cancelled and long requests, with what each of them gets alone."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diarization.arrays import samples_of
from measure.soaking.asking import CANCELLED, OK, Asker, Outcome, Request, audio_request
from measure.soaking.audio import Speech
from measure.soaking.cases import ANSWERED, REFUSED
from measure.soaking.comparing import not_same, read, shown, unanswered
from measure.soaking.files import encoded

GOOD, LONG, BAD, GONE = "good", "long", "bad", "cancelled"
SHARES = {GOOD: 0.65, LONG: 0.05, BAD: 0.2, GONE: 0.1}
LONG_S = 60.0
LONGEST_PATIENCE_S = 3.0  # before a client cancels


@dataclass(frozen=True)
class Known:
    """A request and what came of it when nobody else asked."""

    name: str
    request: Request
    alone: Outcome


@dataclass(frozen=True)
class Planned:
    """A request that a client is to send.

    Parameters
    ----------
    kind : str
        One of `SHARES`.
    known : Known
        What to send, and what has to come back.
    patience_s : float | None
        After so many seconds the client cancels.
    """

    kind: str
    known: Known
    patience_s: float | None = None

    def problem(self, outcome: Outcome) -> str | None:
        """How an outcome differs from the one alone; who has cancelled may get none."""
        if self.kind == GONE and outcome.status == CANCELLED:
            return None
        return unlike(outcome, self.known.alone)


def unlike(outcome: Outcome, alone: Outcome) -> str | None:
    """How an outcome differs: another status or text, other speakers, or boundaries over 20 ms."""
    if outcome.status != alone.status:
        return f"got {shown(outcome)}, expected {shown(alone)}"
    if alone.status != OK:
        return None if outcome.text == alone.text else f"got {outcome.text}, expected {alone.text}"
    return unanswered(outcome) or not_same(read(outcome), read(alone))


class Mix:
    """Draws requests.

    Parameters
    ----------
    asker : Asker
        Asks for all answers alone, once, at the start.
    speech, whole : Speech
        The excerpt that the cases are made of, and the recording that long requests are made of.
    seed : int
        The same seed draws the same requests in the same order.
    n_good : int | None
        How many different good requests; all by default.
    """

    def __init__(
        self, asker: Asker, speech: Speech, whole: Speech, seed: int, n_good: int | None = None
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._lock = threading.Lock()
        chosen = self._rng.permutation(len(ANSWERED))[:n_good]
        long = np.resize(whole, samples_of(LONG_S))
        requests = {
            GOOD: [(ANSWERED[each].name, ANSWERED[each].make(speech)) for each in sorted(chosen)],
            LONG: [(f"{LONG_S:g} s", audio_request(encoded(long, kind="FLAC")))],
            BAD: [(case.name, case.make(speech)) for case in REFUSED],
        }
        self.known = {
            kind: [Known(name, request, asker.ask(request)) for name, request in of_kind]
            for kind, of_kind in requests.items()
        }
        refused = [each for each in self.known[GOOD] if each.alone.status != OK]  # half a file
        self.known[GOOD] = [each for each in self.known[GOOD] if each.alone.status == OK]
        self.known[BAD] += refused
        self.known[GONE] = [*self.known[LONG], *self.known[GOOD]]

    def draw(self) -> Planned:
        """The next request, whoever sends it."""
        with self._lock:
            kind = str(self._rng.choice(list(SHARES), p=list(SHARES.values())))
            known = self._one_of(self.known[kind])
            patience_s = self._rng.uniform(0, LONGEST_PATIENCE_S)
        return Planned(kind, known, patience_s if kind == GONE else None)

    def _one_of(self, known: Sequence[Known]) -> Known:
        return known[int(self._rng.integers(len(known)))]

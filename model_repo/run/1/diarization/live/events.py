"""What a live session reports, in order and numbered.

`turn`
    A turn that goes on (`partial`, sent again with a higher `rev` as it grows) or has ended
    (`final`).
`relabel`
    Turns before `until_s` of speaker `from` are speaker `to`'s; of those `turns`, if given.
`progress`
    `heard_s` of audio were heard; up to `final_s` only a relabel changes what was reported.
`result`
    The RTTM of the whole recording, confidences of its turns and `info`, as `run` answers for it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import SAMPLE_RATE_HZ
from ..full.activity import Stretch
from .speakers import Change

Event = dict[str, Any]
PARTIAL, FINAL = "partial", "final"
LEAST_REST = SAMPLE_RATE_HZ // 4  # of a stretch whose beginning was decided to be silence


def speaker_name(number: int) -> str:
    """The name under which a speaker is reported."""
    return f"SPEAKER_{number:02d}"


@dataclass
class LiveTurn:
    """A turn as it was reported; begin and end in samples."""

    number: int
    speaker: int
    begin: int
    end: int
    confidence: float
    rev: int = 0

    def event(self, state: str) -> Event:
        """Report the turn as it is now."""
        return {
            "type": "turn",
            "id": self.number,
            "rev": self.rev,
            "speaker": speaker_name(self.speaker),
            "start_s": seconds(self.begin),
            "end_s": seconds(self.end),
            "state": state,
            "confidence": round(self.confidence, 3),
        }


class LiveTurns:
    """Turns reported so far.

    Attributes
    ----------
    decided
        Sample up to which turns are final.
    """

    def __init__(self) -> None:
        self.decided = 0
        self._turns: list[LiveTurn] = []
        self._open: dict[int, LiveTurn] = {}

    def speakers(self) -> set[int]:
        """Numbers of the speakers who have a turn."""
        return {turn.speaker for turn in self._turns}

    def relabel(self, change: Change, hop: int) -> list[Event]:
        """Give turns to other speakers where most of their windows are now another's.

        Parameters
        ----------
        hop
            Distance of two windows in samples. A window belongs to a turn if its middle is at most
            half of this outside it.
        """
        moved: defaultdict[tuple[int, int], list[LiveTurn]] = defaultdict(list)
        for turn in self._turns:
            own = (change.before == turn.speaker) & (change.middles <= turn.end + hop / 2)
            own &= change.middles >= turn.begin - hop / 2
            if own.any():
                ((after, n_after),) = Counter(change.after[own].tolist()).most_common(1)
                if n_after * hop > (turn.end - turn.begin) / 2:
                    moved[turn.speaker, after].append(turn)
        sizes = Counter(turn.speaker for turn in self._turns)
        befores = {before for before, _ in moved}
        events = []
        for (before, after), turns in moved.items():
            # Named one by one if not all move, or if the next event would move them on.
            one_by_one = len(turns) < sizes[before] or after in befores
            events.append(self._relabel_event(before, after, turns if one_by_one else None))
            for turn in turns:
                turn.speaker = after
        return events + self._close_doubles()

    def _relabel_event(self, before: int, after: int, turns: list[LiveTurn] | None) -> Event:
        event = {
            "type": "relabel",
            "from": speaker_name(before),
            "to": speaker_name(after),
            "until_s": seconds(self.decided),
        }
        return event if turns is None else {**event, "turns": [turn.number for turn in turns]}

    def _close_doubles(self) -> list[Event]:
        """Keep one open turn for each speaker after a relabel; report the others as final."""
        turns = sorted(self._open.values(), key=lambda turn: turn.end)
        self._open = {turn.speaker: turn for turn in turns}
        return [turn.event(FINAL) for turn in turns if self._open[turn.speaker] is not turn]

    def advance(self, stretches: Iterable[Stretch], until: int) -> list[Event]:
        """Report what was decided up to sample `until`.

        Parameters
        ----------
        stretches
            Of all speakers by number, from before `decided` on.
        """
        events = []
        grown: set[int] = set()
        for stretch in sorted(stretches):
            begin, end = max(stretch.begin, self.decided), min(stretch.end, until)
            if begin >= end:
                continue
            turn = self._open.get(stretch.speaker)
            if turn is None and begin > stretch.begin and stretch.end - begin < LEAST_REST:
                continue
            if turn is None or turn.end < begin:
                if turn is not None:
                    events.append(self._close(stretch.speaker))
                turn = self._opened(stretch.speaker, begin)
            lengths = (max(turn.end - turn.begin, 0), end - begin)
            turn.confidence = float(
                np.average([turn.confidence, stretch.confidence], weights=lengths)
            )
            turn.end = end
            grown.add(stretch.speaker)
        ended = [speaker for speaker, turn in self._open.items() if turn.end < until]
        events += [self._close(speaker) for speaker in ended]
        for speaker in sorted(grown & self._open.keys()):
            turn = self._open[speaker]
            events.append(turn.event(PARTIAL))
            turn.rev += 1
        self.decided = until
        return events

    def end(self) -> list[Event]:
        """Report the turns that were still going on as final."""
        return [self._close(speaker) for speaker in list(self._open)]

    def _opened(self, speaker: int, begin: int) -> LiveTurn:
        turn = LiveTurn(len(self._turns), speaker, begin, begin, 0.0)
        self._turns.append(turn)
        self._open[speaker] = turn
        return turn

    def _close(self, speaker: int) -> Event:
        return self._open.pop(speaker).event(FINAL)


def progress(heard: int, decided: int) -> Event:
    """Report how far the session is, in samples."""
    return {"type": "progress", "heard_s": seconds(heard), "final_s": seconds(decided)}


def seconds(samples: int) -> float:
    """Samples as seconds, to the millisecond."""
    return round(samples / SAMPLE_RATE_HZ, 3)

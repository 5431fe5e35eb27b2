"""What a live session reports, in order and numbered.

`turn`
    A turn that may still change (`partial`, sent again with a higher `rev` when it does), or does
    not any more (`final`). A partial turn that turned out to be none ends as a final one of no
    length.
`relabel`
    Turns before `until_s` of speaker `from` are speaker `to`'s; of those `turns`, if given.
`voice`
    `embedding` of a speaker who was heard for long enough, by the speaker network `network`; again
    when it has changed, and None when no one is that speaker any more. Only if the session was
    started with `voices`.
`progress`
    `heard_s` of audio were heard. Turns are reported up to `reported_s`; up to `final_s` only a
    relabel changes them.
`result`
    The RTTM of the whole recording, confidences of its turns and `info`, as `run` answers for it;
    with `voices` the label of each turn and the embedding of each label, too.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import SAMPLE_RATE_HZ, Embeddings
from ..full.activity import Stretch
from .speakers import Change, Voice

Event = dict[str, Any]
PARTIAL, FINAL = "partial", "final"
SURE_WINDOWS = 5  # with a single voice, 3 s of speech, from which a voice is reported
SAME_VOICE = 0.95  # cosine to the voice reported last, below which it is reported again
LEAST_REST = SAMPLE_RATE_HZ // 4  # of a stretch whose beginning was decided to be silence


def speaker_name(number: int) -> str:
    """The name under which a speaker is reported."""
    return f"SPEAKER_{number:02d}"


@dataclass
class LiveTurn:
    """A turn as it is at the moment; in samples.

    Attributes
    ----------
    settled_end, settled_confidence
        Of the part before the moment up to which turns are final; the rest is decided once more
        with every step.
    reported
        Speaker, begin and end when it was reported last.
    """

    number: int
    speaker: int
    begin: int
    end: int
    confidence: float = 0.0
    settled_end: int = 0
    settled_confidence: float = 0.0
    rev: int = 0
    reported: tuple[int, int, int] | None = None

    @property
    def has_changed(self) -> bool:
        """Whether it is not what was reported last."""
        return self.reported != (self.speaker, self.begin, self.end)

    def grow(self, begin: int, end: int, confidence: float) -> None:
        """Go on with what follows it."""
        lengths = (max(self.end - self.begin, 0), end - begin)
        self.confidence = float(np.average([self.confidence, confidence], weights=lengths))
        self.end = end

    def unsettle(self) -> None:
        """Go back to the part that stays."""
        self.end, self.confidence = self.settled_end, self.settled_confidence

    def settle(self, until: int) -> None:
        """Keep the part before `until`."""
        self.settled_end, self.settled_confidence = min(self.end, until), self.confidence

    def event(self, state: str) -> Event:
        """Report the turn as it is now."""
        event = {
            "type": "turn",
            "id": self.number,
            "rev": self.rev,
            "speaker": speaker_name(self.speaker),
            "start_s": seconds(self.begin),
            "end_s": seconds(self.end),
            "state": state,
            "confidence": round(self.confidence, 3),
        }
        self.rev += 1
        self.reported = (self.speaker, self.begin, self.end)
        return event


class LiveTurns:
    """Turns reported so far.

    Attributes
    ----------
    decided
        Sample up to which turns are final.
    reported
        Sample up to which turns are reported.
    """

    def __init__(self) -> None:
        self.decided = 0
        self.reported = 0
        self._n_turns = 0
        # Rows of number, speaker, begin and end: hours of turns must cost little to save.
        self._final = np.empty((0, 4), np.int64)
        self._open: list[LiveTurn] = []  # those that are not final

    def speakers(self) -> set[int]:
        """Numbers of the speakers who have a turn."""
        return {*self._final[:, 1].tolist(), *(turn.speaker for turn in self._open)}

    def relabel(self, change: Change, hop: int) -> list[Event]:
        """Give turns to other speakers where most of their windows are now another's.

        A turn that may still change altogether needs no event of its own.

        Parameters
        ----------
        hop
            Distance of two windows in samples. A window belongs to a turn if its middle is at most
            half of this outside it.
        """
        moved: defaultdict[tuple[int, int], list[LiveTurn]] = defaultdict(list)
        all_turns = [*(LiveTurn(*row) for row in self._final.tolist()), *self._open]
        for turn in all_turns:
            after = _speaker_after(turn, change, hop)
            if after is not None and turn.begin >= self.decided:
                turn.speaker = after
            elif after is not None:
                moved[turn.speaker, after].append(turn)
        sizes = Counter(turn.speaker for turn in all_turns)
        befores = {before for before, _ in moved}
        events = []
        for (before, after), turns in moved.items():
            # Named one by one if not all move, or if the next event would move them on.
            one_by_one = len(turns) < sizes[before] or after in befores
            events.append(self._relabel_event(before, after, turns if one_by_one else None))
            for turn in turns:
                turn.speaker = after
        self._final[:, 1] = [turn.speaker for turn in all_turns[: len(self._final)]]
        return events

    def _relabel_event(self, before: int, after: int, turns: list[LiveTurn] | None) -> Event:
        event = {
            "type": "relabel",
            "from": speaker_name(before),
            "to": speaker_name(after),
            "until_s": seconds(self.reported),
        }
        return event if turns is None else {**event, "turns": [turn.number for turn in turns]}

    def advance(self, stretches: Iterable[Stretch], final: int, until: int) -> list[Event]:
        """Report what was decided: up to sample `final` for good, up to `until` for now.

        Parameters
        ----------
        stretches
            Of all speakers by number, from before `decided` on.
        """
        loose = [turn for turn in self._open if turn.begin >= self.decided]
        found = [turn for turn in self._open if turn.begin < self.decided]
        for turn in found:
            turn.unsettle()
        # After a relabel two of them may be of one speaker: the one that ended last goes on.
        newest = {turn.speaker: turn for turn in sorted(found, key=lambda turn: turn.end)}
        for stretch in sorted(stretches):
            begin, end = max(stretch.begin, self.decided), min(stretch.end, until)
            if begin >= end:
                continue
            current = newest.get(stretch.speaker)
            if current is None or current.end < begin:
                if begin > stretch.begin and stretch.end - begin < LEAST_REST:
                    continue
                current = newest[stretch.speaker] = self._begun(loose, stretch.speaker, begin, end)
                found.append(current)
            current.grow(begin, end, stretch.confidence)
        self.decided, self.reported = final, until
        return [*map(_withdrawn, loose), *self._changes(found)]

    def end(self) -> list[Event]:
        """Report the turns that were still going on as final."""
        ended, self._open = self._open, []
        return self._finished(ended)

    def _begun(self, loose: list[LiveTurn], speaker: int, begin: int, end: int) -> LiveTurn:
        """Begin a turn, as the one of `loose`, which loses it, that was reported there."""
        for turn in loose:
            if turn.speaker == speaker and turn.begin < end and turn.end > begin:
                loose.remove(turn)
                turn.begin = turn.end = begin
                return turn
        self._n_turns += 1
        return LiveTurn(self._n_turns - 1, speaker, begin, begin)

    def _changes(self, turns: list[LiveTurn]) -> list[Event]:
        """Report those that have ended or changed; the others are open."""
        ended = [turn for turn in turns if turn.end < self.decided]
        self._open = [turn for turn in turns if turn.end >= self.decided]
        events = self._finished(ended)
        events += [turn.event(PARTIAL) for turn in self._open if turn.has_changed]
        for turn in self._open:
            turn.settle(self.decided)
        return events

    def _finished(self, turns: list[LiveTurn]) -> list[Event]:
        """Keep turns that do not change any more, and report them."""
        rows = [(turn.number, turn.speaker, turn.begin, turn.end) for turn in turns]
        self._final = np.concatenate([self._final, np.array(rows, np.int64).reshape(-1, 4)])
        return [turn.event(FINAL) for turn in turns]


def _speaker_after(turn: LiveTurn, change: Change, hop: int) -> int | None:
    """Speaker to whom most of a turn has changed; None if it stays."""
    own = (change.before == turn.speaker) & (change.middles <= turn.end + hop / 2)
    own &= change.middles >= turn.begin - hop / 2
    if not own.any():
        return None
    ((after, n_after),) = Counter(change.after[own].tolist()).most_common(1)
    return after if n_after * hop > (turn.end - turn.begin) / 2 else None


def _withdrawn(turn: LiveTurn) -> Event:
    turn.end = turn.begin
    return turn.event(FINAL)


class LiveVoices:
    """The voices that were reported, and of whom.

    Parameters
    ----------
    network
        Name of the speaker network.
    """

    def __init__(self, network: str | None) -> None:
        self._network = network
        self._reported: dict[int, Voice] = {}

    def advance(self, voices: Mapping[int, Voice], in_use: Collection[int]) -> list[Event]:
        """Report voices that are sure now, that have changed, or that are no speaker's any more.

        Parameters
        ----------
        voices
            Of all speakers so far, by number.
        in_use
            Numbers of the speakers who have a turn.
        """
        gone = [each for each in self._reported if each not in in_use and each not in voices]
        for number in gone:
            del self._reported[number]
        news = {
            number: voice
            for number, voice in voices.items()
            if number in in_use and _is_news(voice, self._reported.get(number))
        }
        self._reported |= news
        events = [self._event(number, None) for number in gone]
        return events + [self._event(number, voice) for number, voice in news.items()]

    def _event(self, number: int, voice: Voice | None) -> Event:
        return {
            "type": "voice",
            "speaker": speaker_name(number),
            "embedding": None if voice is None else rounded(voice.centroid, 5),
            "network": self._network,
        }


def _is_news(voice: Voice, reported: Voice | None) -> bool:
    if reported is None:
        return voice.n_solo >= SURE_WINDOWS
    return float(voice.centroid @ reported.centroid) < SAME_VOICE


def progress(heard: int, turns: LiveTurns) -> Event:
    """Report how far the session is, `heard` in samples."""
    return {
        "type": "progress",
        "heard_s": seconds(heard),
        "reported_s": seconds(turns.reported),
        "final_s": seconds(turns.decided),
    }


def rounded(embeddings: Embeddings, digits: int) -> list[Any]:
    """Numbers of one embedding, or of several."""
    found: list[Any] = embeddings.astype(np.float64).round(digits).tolist()
    return found


def seconds(samples: int) -> float:
    """Samples as seconds, to the millisecond."""
    return round(samples / SAMPLE_RATE_HZ, 3)

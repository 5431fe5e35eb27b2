"""Turns according to the events of a session; a later event may correct an earlier one."""

from collections.abc import Iterable
from dataclasses import replace

from formats.result import Turn
from live.session import Event
from measure.kit.turns import merged


def first_reported(events: Iterable[Event]) -> list[Turn]:
    """Turns as they were reported at first: each moment with its first speakers."""
    turns: dict[int, Turn] = {}
    found: list[Turn] = []
    reported_ms = 0
    for event in events:
        if event["type"] == "turn":
            turns[event["id"]] = _turn(event)
        elif event["type"] == "progress":
            until_ms = round(1000 * event["reported_s"])
            clipped = (
                replace(
                    turn,
                    start_ms=max(turn.start_ms, reported_ms),
                    end_ms=min(turn.end_ms, until_ms),
                )
                for turn in turns.values()
            )
            found += [turn for turn in clipped if turn.start_ms < turn.end_ms]
            reported_ms = until_ms
    return merged(found)


def relabelled(events: Iterable[Event]) -> list[Turn]:
    """Turns after all events but the result."""
    turns: dict[int, Turn] = {}
    for event in events:
        if event["type"] == "turn":
            turns[event["id"]] = _turn(event)
        elif event["type"] == "relabel":
            for number in event.get("turns", list(turns)):
                if turns[number].speaker == event["from"]:
                    turns[number] = replace(turns[number], speaker=event["to"])
    return merged(turn for turn in turns.values() if turn.start_ms < turn.end_ms)


def n_relabels(events: Iterable[Event], after_s: float) -> int:
    """Count the relabels that reach beyond `after_s`."""
    return sum(event["type"] == "relabel" and event["until_s"] > after_s for event in events)


def _turn(event: Event) -> Turn:
    start_ms, end_ms = (round(1000 * event[name]) for name in ("start_s", "end_s"))
    return Turn(start_ms, end_ms, event["speaker"])

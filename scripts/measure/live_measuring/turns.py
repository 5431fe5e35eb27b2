"""Turns according to the events of a session; a later event may correct an earlier one."""

from collections.abc import Iterable
from dataclasses import replace

from formats.result import Turn
from live.session import Event
from measure.kit.turns import merged


def first_reported(events: Iterable[Event]) -> list[Turn]:
    """Turns as they were reported at first, which no later event changes.

    Each stretch by which a turn grew has the speaker of the event that first reported it.
    """
    ends_ms: dict[int, int] = {}
    grown = []
    for event in events:
        if event["type"] != "turn":
            continue
        turn = _turn(event)
        start_ms = ends_ms.get(event["id"], turn.start_ms)
        if turn.end_ms > start_ms:
            grown.append(replace(turn, start_ms=start_ms))
            ends_ms[event["id"]] = turn.end_ms
    return merged(grown)


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
    return merged(turns.values())


def n_relabels(events: Iterable[Event], after_s: float) -> int:
    """Count the relabels that reach beyond `after_s`."""
    return sum(event["type"] == "relabel" and event["until_s"] > after_s for event in events)


def _turn(event: Event) -> Turn:
    start_ms, end_ms = (round(1000 * event[name]) for name in ("start_s", "end_s"))
    return Turn(start_ms, end_ms, event["speaker"])

"""What a live recording shows: turns as they become final, who is speaking now, or JSON lines."""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any, Protocol

from tqdm import tqdm

from console.run_report import bar_width, is_interactive
from console.text import hours, shown
from formats.output import print_bytes
from live.session import Event


class Screen(Protocol):
    """Shows events, until it is closed."""

    def show(self, event: Event) -> None:
        """Show one event."""

    def close(self) -> None:
        """Clear what is only shown for the moment."""


def screen_for(options: argparse.Namespace) -> Screen:
    """Choose what is shown.

    Turns go to standard output if the results go to files, else to standard error.
    """
    if options.json:
        return JsonEvents()
    if options.output_directory:
        return TurnLines(_print_line, is_interactive(options.quiet))
    return TurnLines(_ignore if options.quiet else _log_line, is_interactive(options.quiet))


class JsonEvents:
    """A line of JSON on standard output for every event."""

    def show(self, event: Event) -> None:
        """Print it."""
        _print_line(json.dumps(event, ensure_ascii=False))

    def close(self) -> None:
        """Do nothing."""


class TurnLines:
    """A line for every final turn and relabel; at a terminal a last one for who is speaking now.

    Parameters
    ----------
    write
        Writes a line.
    live
        Whether to show who is speaking now, on standard error.
    """

    def __init__(self, write: Callable[[str], None], live: bool) -> None:
        self._write = write
        self._starts_s: dict[int, float] = {}
        self._speaking: dict[int, str] = {}
        self._heard_s = 0.0
        self._line: Any = tqdm(
            bar_format="{desc}", file=sys.stderr, disable=not live, leave=False, **bar_width()
        )

    def show(self, event: Event) -> None:
        """Show one event; kinds that are not known are ignored."""
        if event["type"] == "turn":
            self._turn(event)
        elif event["type"] == "relabel":
            self._relabel(event)
        elif event["type"] == "progress":
            self._heard_s = event["heard_s"]
        now = ", ".join(dict.fromkeys(self._speaking.values())) or "-"
        self._line.set_description_str(f"{hours(self._heard_s)}  {shown(now)}")

    def close(self) -> None:
        """Clear the line of who is speaking now."""
        self._line.close()

    def _turn(self, turn: Event) -> None:
        number, speaker = turn["id"], turn["speaker"]
        self._starts_s[number] = turn["start_s"]
        self._speaking[number] = speaker
        if turn["state"] == "final":
            del self._speaking[number]
            if turn["end_s"] == turn["start_s"]:  # it turned out to be none
                return
            self._write(f"{turn['start_s']:7.2f} - {turn['end_s']:7.2f}  {speaker}")

    def _relabel(self, event: Event) -> None:
        only = event.get("turns")
        for number, speaker in self._speaking.items():
            if speaker == event["from"] and (only is None or number in only):
                self._speaking[number] = event["to"]
        where = ""
        if only is not None:
            starts = ", ".join(f"{self._starts_s[number]:.2f}" for number in only)
            where = f" in the turns from {starts}"
        self._write(f"  until {event['until_s']:7.2f}  {event['from']} is {event['to']}{where}")


def _print_line(text: str) -> None:
    print_bytes(f"{text}\n".encode(), "events")


def _log_line(text: str) -> None:
    tqdm.write(shown(text), file=sys.stderr)


def _ignore(_text: str) -> None:
    pass

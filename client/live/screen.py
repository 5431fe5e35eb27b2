"""What a live recording shows: turns as they become final, who is speaking now, or JSON lines."""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from console.run_report import bar_width, is_interactive
from console.text import hours, shown
from formats.output import print_bytes
from live.session import Event
from voices.speakers import Speakers, known_network
from voices.voice import unit_rows

VOICES_IN_RESULT = ("labels", "embeddings")


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


class Named:
    """A screen that gets the names of enrolled people in place of voices.

    Parameters
    ----------
    screen
        Shows the events; `voice` ones have `names`, of all speakers so far whose name is known.
    names_of
        Finds the enrolled among speakers.
    """

    def __init__(self, screen: Screen, names_of: Callable[[Speakers], dict[str, str]]) -> None:
        self._screen = screen
        self._names_of = names_of
        self._voices: dict[str, list[float] | None] = {}

    def show(self, event: Event) -> None:
        """Show one event, without embeddings."""
        if event["type"] == "voice":
            event = {"seq": event["seq"], "type": "voice", "names": self._names(event)}
        elif event["type"] == "result":
            event = {key: value for key, value in event.items() if key not in VOICES_IN_RESULT}
        self._screen.show(event)

    def close(self) -> None:
        """Close the screen."""
        self._screen.close()

    def _names(self, voice: Event) -> dict[str, str]:
        """Note a voice, or that no one has it any more; name all speakers again."""
        self._voices[voice["speaker"]] = voice["embedding"]
        known = {name: each for name, each in self._voices.items() if each is not None}
        if not known:
            return {}
        centroids = unit_rows(np.array(list(known.values()), np.float32))
        return self._names_of(Speakers(list(known), centroids, known_network(voice["network"])))


class JsonEvents:
    """A line of JSON on standard output for every event."""

    def show(self, event: Event) -> None:
        """Print it."""
        _print_line(json.dumps(event, ensure_ascii=False))

    def close(self) -> None:
        """Do nothing."""


class TurnLines:
    """A line for every final turn, relabel and name; at a terminal one for who is speaking now.

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
        self._printed: dict[int, str] = {}
        self._names: dict[str, str] = {}
        self._heard_s = self._final_s = 0.0
        self._line: Any = tqdm(
            bar_format="{desc}", file=sys.stderr, disable=not live, leave=False, **bar_width()
        )

    def show(self, event: Event) -> None:
        """Show one event; kinds that are not known are ignored."""
        if event["type"] == "turn":
            self._turn(event)
        elif event["type"] == "relabel":
            self._relabel(event)
        elif event["type"] == "voice":
            self._rename(event["names"])
        elif event["type"] == "progress":
            self._heard_s, self._final_s = event["heard_s"], event["final_s"]
        now = ", ".join(dict.fromkeys(map(self._name, self._speaking.values()))) or "-"
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
            self._printed[number] = speaker
            self._write(f"{turn['start_s']:7.2f} - {turn['end_s']:7.2f}  {self._name(speaker)}")

    def _relabel(self, event: Event) -> None:
        only = event.get("turns")
        for turns in (self._speaking, self._printed):
            for number, speaker in turns.items():
                if speaker == event["from"] and (only is None or number in only):
                    turns[number] = event["to"]
        where = ""
        if only is not None:
            starts = ", ".join(f"{self._starts_s[number]:.2f}" for number in only)
            where = f" in the turns from {starts}"
        before, after = self._name(event["from"]), self._name(event["to"])
        self._write(f"  until {event['until_s']:7.2f}  {before} is {after}{where}")

    def _rename(self, names: dict[str, str]) -> None:
        """Use these names from now on; write which of those printed have changed."""
        shown_as = {each: self._name(each) for each in sorted(set(self._printed.values()))}
        self._names = names
        # Names that are given up come first: another speaker may get them.
        for speaker in sorted(shown_as, key=lambda each: shown_as[each] == each):
            before, after = shown_as[speaker], self._name(speaker)
            if before != after:
                self._write(f"  until {self._final_s:7.2f}  {before} is {after}")

    def _name(self, speaker: str) -> str:
        return self._names.get(speaker, speaker)


def _print_line(text: str) -> None:
    print_bytes(f"{text}\n".encode(), "events")


def _log_line(text: str) -> None:
    tqdm.write(shown(text), file=sys.stderr)


def _ignore(_text: str) -> None:
    pass

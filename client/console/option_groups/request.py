"""Options that are sent with every recording, as request parameters."""

import argparse

from console.option_values import count

# In this order each must be at most the next, where both are given.
SPEAKER_COUNTS = {
    "min_speakers": "fewest speakers to find (default: the service's)",
    "num_speakers": "exact number of speakers, where it is known",
    "max_speakers": "most speakers to find (default: the service's)",
}
_FURTHER = ("mode", "exclusive", "channels")


def add_request(parser: argparse.ArgumentParser) -> None:
    """Add the group."""
    add = parser.add_argument_group("diarization").add_argument
    for name, text in SPEAKER_COUNTS.items():
        add(f"--{name}", metavar="N", type=count, help=text)
    add("--mode", choices=("full", "classic"), help="default: the service's")
    add(
        "--exclusive",
        action="store_true",
        default=None,
        help="at most one speaker at a time, for transcripts",
    )
    add(
        "--channels",
        choices=("mix", "first", "separate"),
        help="what to listen to: the mean of all channels, the first one, or every one on its own, "
        "as calls with a side on each want it: speakers are then CH1_SPEAKER_00 and so on, and "
        "numbers of speakers hold for every channel (default: mix)",
    )


def check_request(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End the program with exit code 2 where the numbers of speakers contradict each other."""
    given = [number for name in SPEAKER_COUNTS if (number := getattr(options, name)) is not None]
    if given != sorted(given):
        parser.error(
            "expected --min_speakers <= --num_speakers <= --max_speakers, got "
            + " and ".join(map(str, given))
        )


def request_parameters(options: argparse.Namespace) -> dict[str, int | str | bool]:
    """What goes with every recording: nothing that was not asked for."""
    asked = {name: getattr(options, name) for name in (*_FURTHER, *SPEAKER_COUNTS)}
    return {name: value for name, value in asked.items() if value is not None}

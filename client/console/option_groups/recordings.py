"""Options that name the recordings."""

import argparse

from console.option_values import name, path
from inputs.wav_scp import id_problem


def add_recordings(parser: argparse.ArgumentParser) -> None:
    """Add the group."""
    group = parser.add_argument_group("recordings, one of the first two")
    one_of = group.add_mutually_exclusive_group()
    one_of.add_argument(
        "--audio_file",
        metavar="PATH",
        type=name,
        nargs="+",
        action="extend",
        help="audio files, folders, quoted patterns such as 'calls/**/*.wav', or - for standard "
        "input; a recording's id is its file's name without ending",
    )
    one_of.add_argument(
        "--wavscp", metavar="PATH", type=path, help="a list: lines of '<recording id> <path>'"
    )
    add = group.add_argument
    add("--data_dir", metavar="DIR", help="where relative audio paths start (default: here)")
    add(
        "--recording_id",
        metavar="ID",
        type=_recording_id,
        help="the id of the one recording of --audio_file (default: the file's name without "
        "ending; stdin for standard input)",
    )


def check_recordings(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End the program with exit code 2 where the options do not go together."""
    # Not by argparse, which would look for it first, and tell of no misspelt option.
    if not (options.audio_file or options.wavscp):
        parser.error("one of the arguments --audio_file --wavscp is required")
    if options.recording_id and options.wavscp:
        parser.error("--recording_id names the recording of --audio_file, --wavscp has ids itself")


def _recording_id(text: str) -> str:
    problem = id_problem(text)
    if problem:
        raise argparse.ArgumentTypeError(problem)
    return text

"""The client's command line."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

# One hour of audio takes about a minute on 2 CPU cores; 4 of them in flight share those cores, and
# a busy machine needs twice as long.
DEFAULT_TIMEOUT_S = 600.0
MOST_TIMEOUT_S = 1e6  # beyond it gRPC counts the deadline as passed
DEFAULT_JOBS = 4

# In this order each must be at most the next, where both are given.
SPEAKER_COUNTS = {
    "min_speakers": "fewest speakers to find (default: the service's)",
    "num_speakers": "exact number of speakers, where it is known",
    "max_speakers": "most speakers to find (default: the service's)",
}

EPILOG = """\
Without --output_directory the RTTM lines go to standard output, a recording at a time, in order
of completion; everything else goes to standard error.

exit codes:
  0    every recording was diarized (and scored, where --reference is given)
  1    some recordings failed, the service cannot be reached, or there is no score
  2    wrong usage or a wrong list: nothing was sent
  130  interrupted by Ctrl-C: what had finished is written, the joined rttm is not

wav.scp holds lines of '<recording id> <path>'. Paths may hold spaces; blank lines and lines that
start with # are skipped; Kaldi pipes are refused. A recording id has no white space, control
character or '/', and at most 250 bytes.

md-eval.pl is taken from --md_eval, else $MD_EVAL, else external_tools/ of this project, else PATH,
else /usr/lib/sctk/bin. A failed recording scores as missed; one without reference is left out.
"""


def parsed_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; ends the program with exit code 2 and a sentence if it is wrong."""
    parser = _parser()
    options = parser.parse_args(argv)
    given = [count for name in SPEAKER_COUNTS if (count := getattr(options, name)) is not None]
    if given != sorted(given):
        parser.error(
            "expected --min_speakers <= --num_speakers <= --max_speakers, got "
            + " and ".join(map(str, given))
        )
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="client.py",
        description="Send recordings to the diarization service; get who spoke when, as RTTM.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_recordings(parser)
    _add_service(parser)
    add = parser.add_argument
    add("--reference", metavar="PATH", type=Path, help="score against this RTTM file or folder")
    add("--md_eval", metavar="PATH", help="the scorer md-eval.pl (see below)")
    add("-v", "--verbose", action="store_true", help="tell what is sent and how long stages take")
    return parser


def _add_recordings(parser: argparse.ArgumentParser) -> None:
    one_of = parser.add_mutually_exclusive_group(required=True)
    one_of.add_argument(
        "--audio_file", metavar="PATH", help="one file; its recording id is its name without ending"
    )
    one_of.add_argument("--wavscp", metavar="PATH", type=Path, help="a list of recordings")
    add = parser.add_argument
    add("--data_dir", metavar="DIR", help="where relative audio paths start (default: here)")
    add(
        "--output_directory",
        metavar="DIR",
        type=Path,
        help="gets one file rttm_<id> per recording and their joined rttm",
    )


def _add_service(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-u", "--url", default="localhost:8001", help="gRPC host:port (default: %(default)s)")
    add("--mode", choices=("full", "classic"), help="default: the service's")
    add(
        "--exclusive",
        action="store_true",
        default=None,
        help="at most one speaker at a time, for transcripts",
    )
    add("--model_name", default="run", help="model to ask (default: %(default)s)")
    for name, text in SPEAKER_COUNTS.items():
        add(f"--{name}", metavar="N", type=_count, help=text)
    add(
        "--jobs",
        metavar="N",
        type=_count,
        default=DEFAULT_JOBS,
        help="recordings in flight (default: %(default)s)",
    )
    add(
        "--timeout",
        metavar="SECONDS",
        type=_duration_s,
        default=DEFAULT_TIMEOUT_S,
        help="longest time for one recording, its wait in the server included (default: "
        "%(default)g, enough for 4 recordings of 1 hour at once on 2 CPU cores)",
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def _duration_s(text: str) -> float:
    try:
        duration_s = float(text)
    except ValueError:
        duration_s = math.nan
    if not 0 < duration_s <= MOST_TIMEOUT_S:
        raise argparse.ArgumentTypeError(
            f"expected a number of seconds above 0 and at most {MOST_TIMEOUT_S:g}, got {text!r}"
        )
    return duration_s

"""The client's command line."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from access import headers
from format_options import add_format, check_format

# One hour of audio takes about a minute on 2 CPU cores; 4 of them in flight share those cores, and
# a busy machine needs twice as long.
DEFAULT_TIMEOUT_S = 600.0
MOST_TIMEOUT_S = 1e6  # beyond it gRPC counts the deadline as passed
DEFAULT_JOBS = 4
DEFAULT_RETRY_FOR_S = 120.0  # a server that is restarted is back within half a minute

# In this order each must be at most the next, where both are given.
SPEAKER_COUNTS = {
    "min_speakers": "fewest speakers to find (default: the service's)",
    "num_speakers": "exact number of speakers, where it is known",
    "max_speakers": "most speakers to find (default: the service's)",
}

EPILOG = """\
Without --output_directory the RTTM lines go to standard output, a recording at a time, in order
of completion, or those of one other --format: of a list only rttm, json and uem, whose texts can
follow each other. Everything else goes to standard error.

exit codes:
  0    every recording was diarized (and scored, where --reference is given)
  1    some recordings failed, the service cannot be reached or refuses access, or there is no score
  2    wrong usage, a wrong list, or files that cannot be read or written: nothing was sent
  130  interrupted by Ctrl-C: what had finished is written, the joined rttm is not

wav.scp holds lines of '<recording id> <path>'. Paths may hold spaces; blank lines and lines that
start with # are skipped; Kaldi pipes are refused. A recording id has no white space, control
character or '/', and at most 250 bytes.

A recording that fails because the server is down, restarting or full, because a model's process
died or the connection broke, is sent again, at growing intervals of up to 10 s, until --retry_for
is over; no other failure is. A server that is not there at the start ends the run at once.

Files of --format: rttm_<id> (always, for scores and the joined rttm), <id>.json, <id>.srt,
<id>.vtt, <id>.TextGrid (Praat), <id>.audacity.txt (labels), <id>.csv, <id>.uem (NIST). Ids that
start with rttm, or with their ending are longer than file names may be, are refused then.

--resume keeps every recording whose rttm_<id> and files of --format are all there, and asks for
the others only. It does not look
at what made that file: other options, another mode, another server or an audio file that has
changed since. A failed recording has no file, so the same line with --resume tries it again.

--header, e.g. 'triton-grpc-protocol-<key>: <value>' for a server with --grpc-restricted-protocol,
goes with every call. Other users can see command lines: @FILE keeps a key out of them.

md-eval.pl is taken from --md_eval, else $MD_EVAL, else external_tools/ of this project, else PATH,
else /usr/lib/sctk/bin. A failed recording scores as missed; one without reference is left out.
"""


def parsed_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; ends the program with exit code 2 and a sentence if it is wrong."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.resume and not options.output_directory:
        parser.error("--resume needs --output_directory, where the finished files are")
    check_format(parser, options)
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
    _add_access(parser)
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
    add_format(parser)
    add("--resume", action="store_true", help="skip recordings whose files are there already")


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
    add(
        "--retry_for",
        metavar="SECONDS",
        type=_patience_s,
        default=DEFAULT_RETRY_FOR_S,
        help="how long after its first failure a recording is still sent again, where the server "
        "may come back; 0: never (default: %(default)g)",
    )


def _add_access(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--header",
        metavar="'NAME: VALUE'|@FILE",
        type=headers,
        action="append",
        default=[],
        help="sent with every call, e.g. a key; may be repeated; @FILE holds one per line",
    )
    add("--ssl", action="store_true", help="encrypt; the options below imply it")
    add(
        "--ssl_ca",
        metavar="FILE",
        type=Path,
        help="certificates (PEM) that the server's must be signed by (default: the public "
        "authorities that gRPC knows)",
    )
    add("--ssl_cert", metavar="FILE", type=Path, help="your own certificate (PEM), with --ssl_key")
    add("--ssl_key", metavar="FILE", type=Path, help="its key (PEM, unencrypted)")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def _duration_s(text: str) -> float:
    duration_s = _seconds(text)
    if not 0 < duration_s <= MOST_TIMEOUT_S:
        raise argparse.ArgumentTypeError(
            f"expected a number of seconds above 0 and at most {MOST_TIMEOUT_S:g}, got {text!r}"
        )
    return duration_s


def _patience_s(text: str) -> float:
    duration_s = _seconds(text)
    if not 0 <= duration_s <= MOST_TIMEOUT_S:
        raise argparse.ArgumentTypeError(
            f"expected a number of seconds from 0 to {MOST_TIMEOUT_S:g}, got {text!r}"
        )
    return duration_s


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan

"""The command line of evaluate.py."""

import argparse
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from console.option_groups.service import DEFAULT_JOBS, DEFAULT_TIMEOUT_S

ROOT_VARIABLE = "DIARIZATION_EVAL_DIR"
DEFAULT_N_WORST = 4

EPILOG = f"""\
What is evaluated, one of:
  --root DIR             each sub-folder with audio is a set; default: ${ROOT_VARIABLE}
  --audio_dir DIR ...    each of these folders is a set
  --wavscp FILE --reference PATH
                         the recordings of a Kaldi list are one set

In a folder the reference of talk.flac is talk.rttm beside it, unless --reference names an RTTM
file or folder. A folder in which nothing has a reference holds no speech, and so does a recording
whose RTTM file has no turn: any turn there is a false alarm, told as a share of the time. Other
recordings without a reference are left out, with a warning.

Each set's error rate pools its recordings (time-weighted) in one run of md-eval, overlap scored,
at collars 0.25 s and 0 s; the headline is the mean over the sets. A recording that fails counts as
missed altogether.

--output gets evaluation.json, evaluation.md, rttm/<set>/rttm_<id>, timelines/*.png of the worst
recordings, lengths.png where the recordings of a set differ in length by more than a factor of 2,
and the log of the server where one was started. --worst 0 writes no pictures.

exit codes:
  0    every recording was diarized and scored
  1    some recordings failed, the service cannot be reached or started, or there is no score
  2    wrong usage, list, reference or --compare: nothing was sent
  130  interrupted by Ctrl-C: nothing was written
"""


def parsed_options(
    arguments: Sequence[str] | None, environment: Mapping[str, str] = os.environ
) -> argparse.Namespace:
    """Parse the command line; ends the program with exit code 2 and a sentence if it is wrong."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not (options.wavscp or options.audio_dir or options.root):
        if not environment.get(ROOT_VARIABLE):
            parser.error(
                "expected --root, --audio_dir or --wavscp, or the environment variable "
                f"{ROOT_VARIABLE} as --root"
            )
        options.root = Path(environment[ROOT_VARIABLE])
    if options.wavscp and not options.reference:
        parser.error("--wavscp needs --reference: an RTTM file or a folder of them")
    if options.data_dir and not options.wavscp:
        parser.error("--data_dir is for the paths in --wavscp")
    if options.option and options.url:
        parser.error("--option is for a server started here, not for the one at --url")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evaluate.py",
        description="Measure accuracy and speed of the diarization service on recordings whose "
        "turns are known.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_recordings(parser)
    _add_service(parser)
    _add_reports(parser)
    return parser


def _add_recordings(parser: argparse.ArgumentParser) -> None:
    one_of = parser.add_mutually_exclusive_group()
    one_of.add_argument("--root", metavar="DIR", type=Path, help="folder of sets (see below)")
    one_of.add_argument("--audio_dir", metavar="DIR", type=Path, nargs="+", help="sets")
    one_of.add_argument("--wavscp", metavar="FILE", type=Path, help="list of one set")
    add = parser.add_argument
    add("--reference", metavar="PATH", type=Path, help="RTTM file or folder")
    add("--data_dir", metavar="DIR", help="where relative paths in --wavscp start (default: here)")


def _add_service(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--url", metavar="HOST:PORT", help="gRPC address (default: start a server, stop it after)")
    add("--model_name", default="run", help="model to ask (default: %(default)s)")
    add("--mode", help="sent as request parameter `mode` (default: not sent)")
    add_tried_options(parser)
    add(
        "--num_speakers_from_reference",
        action="store_true",
        help="tell the service the true number of speakers of each recording",
    )
    add(
        "--jobs",
        metavar="N",
        type=positive,
        default=DEFAULT_JOBS,
        help="recordings in flight (default: %(default)s)",
    )
    add(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=DEFAULT_TIMEOUT_S,
        help="longest time for one recording (default: %(default)g)",
    )


def _add_reports(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--output", metavar="DIR", type=Path, help="where files go (default: only print)")
    add("--compare", metavar="JSON", type=Path, help="evaluation.json of an earlier run")
    add(
        "--worst",
        metavar="N",
        type=_count,
        default=DEFAULT_N_WORST,
        help="recordings to draw timelines of, with --output (default: %(default)s)",
    )
    add("--md_eval", metavar="PATH", help="the scorer md-eval.pl (default: found as by client.py)")


def add_tried_options(parser: argparse.ArgumentParser) -> None:
    """Add --option, for a server of one's own."""
    parser.add_argument(
        "--option",
        metavar="KEY=VALUE",
        action="append",
        type=_assignment,
        default=[],
        help="option of the service, such as frames.chunk_hop_s=2.5; may be given several times "
        "(default: as in model_repo)",
    )


def _assignment(text: str) -> str:
    if not all(text.partition("=")):
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    return text


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text!r}")
    return int(text)


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    count = _count(text)
    if not count:
        raise argparse.ArgumentTypeError("expected a whole number of at least 1, got '0'")
    return count


def seconds(text: str) -> float:
    """Read a number of seconds above 0."""
    try:
        duration_s = float(text)
    except ValueError:
        duration_s = math.nan
    if not 0 < duration_s < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got {text!r}")
    return duration_s

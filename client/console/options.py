"""The command line of the client, and the groups of options that other programs share."""

import argparse
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from console.help_text import DESCRIPTION, EPILOG
from console.option_values import (
    cosine,
    count,
    name,
    pace,
    path,
    positive_seconds,
    rate_hz,
    seconds_from_zero,
)
from formats import FORMATS, RTTM, TOKENS
from inputs.recordings import STANDARD_INPUT, ListError, id_problem
from sending.access import parse_headers
from voices.voice import DEFAULT_THRESHOLD

MAX_COLUMNS = 100
URL_VARIABLE = "DIARIZATION_URL"
DEFAULT_URL = "localhost:8001"
# The longest recording that a server accepts by default, 12 hours, takes under half an hour alone
# on 2 CPU cores; others share them.
DEFAULT_TIMEOUT_S = 3600.0
DEFAULT_JOBS = 4
LATENCIES_S, DEFAULT_LATENCY_S = ("0.5", "1", "2", "5"), "2"  # of the model `stream`
DEFAULT_RETRY_FOR_S = 120.0  # a server restarts within half a minute
DEFAULT_MODEL = "run"
LIVE_MODEL = "stream"  # the default with --stream
MICROPHONE = "mic"  # as STANDARD_INPUT a name of --stream that is not a file's
# What the model `stream` does not take, or what needs more than its result.
NOT_LIVE = ("report", "resume", "dry_run", "link_speakers")
# Each must be at most the next.
SPEAKER_COUNTS = {
    "min_speakers": "fewest speakers to find (default: the service's)",
    "num_speakers": "exact number of speakers, if you know it",
    "max_speakers": "most speakers to find (default: the service's)",
}


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; ends the program with exit code 2 and a sentence if it is wrong."""
    parser = client_parser()
    options = parser.parse_args(argv)
    _check_recordings(parser, options)
    _check_live(parser, options)
    _check_output(parser, options)
    check_speaker_counts(parser, options)
    _check_linking(parser, options)
    return options


def request_parameters(options: argparse.Namespace) -> dict[str, int | str | bool]:
    """Return the parameters of every request: only those that the user gave."""
    given = {
        option: getattr(options, option)
        for option in ("mode", "exclusive", "channels", *SPEAKER_COUNTS)
    }
    return {option: value for option, value in given.items() if value is not None}


def refuse_list(options: argparse.Namespace, n_recordings: int) -> None:
    """Refuse several recordings of --audio_file on standard output in a format that cannot join.

    Raises
    ------
    ListError
        If that is so.
    """
    if n_recordings > 1 and not options.output_directory and (problem := _list_problem(options)):
        raise ListError([problem])


class _Help(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal, but at most MAX_COLUMNS."""

    def __init__(self, prog: str) -> None:
        columns = min(shutil.get_terminal_size().columns, MAX_COLUMNS)
        super().__init__(prog, max_help_position=30, width=columns - 2)


def client_parser() -> argparse.ArgumentParser:
    """Make the client's parser, with all options in the order of --help."""
    parser = argparse.ArgumentParser(
        prog="client.py",
        usage="%(prog)s (--audio_file PATH [PATH ...] | --wavscp PATH | --stream FILE|-|mic) "
        "[option ...]",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    _add_recordings(parser)
    _add_live(parser)
    _add_output(parser)
    add_request(parser)
    _add_voices(parser)
    add_service(parser)
    add_access(parser)
    _add_scoring(parser)
    _add_console(parser)
    return parser


def add_service(parser: argparse.ArgumentParser) -> None:
    """Add the options of the service's address, and of parallel requests, timeout and retries."""
    add = parser.add_argument_group("service").add_argument
    add(
        "-u",
        "--url",
        metavar="HOST:PORT[,...]",
        default=os.environ.get(URL_VARIABLE) or DEFAULT_URL,
        help="gRPC address, or several: those that are ready take turns (default: "
        f"${URL_VARIABLE}, else {DEFAULT_URL})",
    )
    add(
        "--model_name",
        metavar="NAME",
        default=DEFAULT_MODEL,
        help="model to call (default: %(default)s)",
    )
    add(
        "--jobs",
        metavar="N",
        type=count,
        default=DEFAULT_JOBS,
        help="recordings in flight (default: %(default)s)",
    )
    add(
        "--timeout",
        metavar="SECONDS",
        type=positive_seconds,
        default=DEFAULT_TIMEOUT_S,
        help="maximum time for one recording, including its wait in the server (default: "
        "%(default)g)",
    )
    add(
        "--retry_for",
        metavar="SECONDS",
        type=seconds_from_zero,
        default=DEFAULT_RETRY_FOR_S,
        help="how long after its first failure a recording is still sent again if the server may "
        "come back; 0: never (default: %(default)g)",
    )


def add_access(parser: argparse.ArgumentParser) -> None:
    """Add the options of a protected server: keys in headers, and TLS."""
    add = parser.add_argument_group("access to a protected server").add_argument
    add(
        "--header",
        metavar="'NAME: VALUE'|@FILE",
        type=parse_headers,
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


def add_threshold(add: Callable[..., object]) -> None:
    """Add the option that says when two voices are the same, by calling `add`."""
    add(
        "--voice_threshold",
        metavar="COSINE",
        type=cosine,
        default=DEFAULT_THRESHOLD,
        help="how similar two voices are that count as one, above -1 and below 1 (default: "
        "%(default)g; docs/voices.md has the error rates)",
    )


def _add_recordings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("recordings, one of the first three")
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
    one_of.add_argument(
        "--stream",
        metavar="FILE|-|mic",
        type=name,
        help="live: a file at its own pace, standard input (wav or raw samples) or the microphone",
    )
    add = group.add_argument
    add("--data_dir", metavar="DIR", help="where relative audio paths start (default: here)")
    add(
        "--recording_id",
        metavar="ID",
        type=_recording_id,
        help="the id of the one recording of --audio_file or --stream (default: the file's name "
        "without ending; stdin for standard input)",
    )


def _add_live(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("live, with --stream").add_argument
    add(
        "--latency",
        metavar="SECONDS",
        choices=LATENCIES_S,
        default=DEFAULT_LATENCY_S,
        help="how late a turn is decided, 0.5, 1, 2 or 5: later is with more context (default: "
        "%(default)s)",
    )
    add(
        "--pace",
        metavar="N",
        type=pace,
        default=1.0,
        help="play a file N times as fast; 0: as fast as possible (default: %(default)g)",
    )
    add(
        "--stream_rate",
        metavar="HZ",
        type=rate_hz,
        default=16_000,
        help="of raw 16-bit mono samples on standard input (default: %(default)d)",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("output").add_argument
    add(
        "--output_directory",
        metavar="DIR",
        type=path,
        help="gets one file rttm_<id> per recording and their joined rttm",
    )
    add(
        "--format",
        metavar="NAME[,NAME...]",
        type=_formats,
        help=f"files to write, of {', '.join(TOKENS)} (default: {RTTM}; see below)",
    )
    add(
        "--report",
        action="store_true",
        help="a page <id>.html per recording to look at and listen to; with --reference it marks "
        "errors",
    )
    add(
        "--json",
        action="store_true",
        help="a line of JSON on standard output for every recording as it ends, also if it fails; "
        "with --stream for every event, too",
    )
    add(
        "--resume",
        action="store_true",
        help="skip recordings whose results are complete and up to date",
    )
    add(
        "--dry_run",
        action="store_true",
        help="check everything and print what would be sent and written; send no audio, write no "
        "file",
    )


def add_request(parser: argparse.ArgumentParser) -> None:
    """Add the options of the diarization itself."""
    add = parser.add_argument_group("diarization").add_argument
    for option, text in SPEAKER_COUNTS.items():
        add(f"--{option}", metavar="N", type=count, help=text)
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
        help="what to diarize: the mean of all channels, the first one, or each on its own, for "
        "calls with one side per channel: speakers are then CH1_SPEAKER_00 and so on, and numbers "
        "of speakers apply to every channel (default: mix)",
    )


def _add_voices(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("names for voices").add_argument
    add(
        "--voices",
        metavar="FILE",
        type=path,
        help="people enrolled by enroll.py, who get their names; others stay SPEAKER_00, ...",
    )
    add(
        "--link_speakers",
        action="store_true",
        help="one name, VOICE_000 or an enrolled one, for one voice in all recordings of the run",
    )
    add_threshold(add)


def _add_scoring(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("scoring").add_argument
    add("--reference", metavar="PATH", type=path, help="score against this RTTM file or folder")
    add("--md_eval", metavar="PATH", help="the scorer md-eval.pl (see below)")


def _add_console(parser: argparse.ArgumentParser) -> None:
    one_of = parser.add_argument_group("console").add_mutually_exclusive_group()
    one_of.add_argument(
        "-v", "--verbose", action="store_true", help="log what is sent and how long stages take"
    )
    one_of.add_argument(
        "-q", "--quiet", action="store_true", help="log errors only: no bar, no summary"
    )


def _recording_id(text: str) -> str:
    problem = id_problem(text)
    if problem:
        raise argparse.ArgumentTypeError(problem)
    return text


def _formats(text: str) -> list[str]:
    tokens = text.split(",")
    for token in tokens:
        if token not in TOKENS:
            raise argparse.ArgumentTypeError(
                f"expected some of {', '.join(TOKENS)}, separated by commas, got {token!r}"
            )
    return list(dict.fromkeys(tokens))


def _check_recordings(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    # A required group of argparse would hide the message about a misspelt option.
    if not (options.audio_file or options.wavscp or options.stream):
        parser.error("one of the arguments --audio_file --wavscp --stream is required")
    if options.recording_id and options.wavscp:
        parser.error("--recording_id names the recording of --audio_file, --wavscp has ids itself")


def _check_live(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Refuse what does not go with live audio; choose its model."""
    is_file = options.stream not in (None, MICROPHONE, STANDARD_INPUT)
    fitting = {
        "--latency": ("with --stream", bool(options.stream)),
        "--pace": ("with a file in --stream", is_file),
        "--stream_rate": ("with --stream -", options.stream == STANDARD_INPUT),
    }
    for flag, (where, fits) in fitting.items():
        if not fits and getattr(options, flag[2:]) != parser.get_default(flag[2:]):
            parser.error(f"got {flag}, expected it {where} only")
    if not options.stream:
        return
    for option in NOT_LIVE:
        if getattr(options, option):
            parser.error(f"--stream takes no --{option}: expected a finished recording for it")
    if options.mode == "classic" or options.channels not in (None, "mix"):
        parser.error("--stream takes only --mode full and --channels mix")
    if options.model_name == DEFAULT_MODEL:
        options.model_name = LIVE_MODEL


def _check_output(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Fill in the default of --format; refuse what standard output cannot hold."""
    if options.output_directory:
        options.format = options.format or [RTTM]
        return
    if options.resume:
        parser.error("--resume needs --output_directory, where the finished files are")
    if options.report:
        parser.error("--report needs --output_directory, where the pages go")
    if options.json:
        if options.format not in (None, ["json"]):
            parser.error(
                "--json prints JSON on standard output, got --format "
                f"{','.join(options.format)} too: expected --output_directory for its files"
            )
        options.format = ["json"]
    options.format = options.format or [RTTM]
    if len(options.format) > 1:
        parser.error(
            "standard output takes one format, got --format "
            f"{','.join(options.format)}: expected one, or --output_directory"
        )
    if options.wavscp and (problem := _list_problem(options)):
        parser.error(problem)


def _list_problem(options: argparse.Namespace) -> str | None:
    """Return why several recordings cannot go to standard output, or None."""
    (token,) = options.format
    joining = [each for each in TOKENS if each == RTTM or FORMATS[each].joins]
    if token in joining:
        return None
    return (
        f"standard output takes a list of recordings as {', '.join(joining)}, got --format "
        f"{token}: expected one of those, a single recording, or --output_directory"
    )


def check_speaker_counts(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Refuse bounds of the number of speakers that contradict each other."""
    given = [
        number for option in SPEAKER_COUNTS if (number := getattr(options, option)) is not None
    ]
    if given != sorted(given):
        parser.error(
            "expected --min_speakers <= --num_speakers <= --max_speakers, got "
            + " and ".join(map(str, given))
        )


def _check_linking(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.link_speakers and not options.output_directory:
        parser.error(
            "--link_speakers needs --output_directory: names are found after all recordings"
        )
    if options.link_speakers and options.json:
        parser.error(
            "--link_speakers names voices after all recordings, and --json prints before: expected "
            "one of them, or --format json"
        )

"""The client's option --format."""

import argparse

from formats import FORMATS, RTTM, TOKENS
from inputs.wav_scp import ListError


def add_format(group: argparse._ArgumentGroup) -> None:
    """Add the option; its value is a list of tokens, each once."""
    group.add_argument(
        "--format",
        metavar="NAME[,NAME...]",
        type=_formats,
        help=f"files to write, of {', '.join(TOKENS)} (default: {RTTM}; see below)",
    )


def settle_format(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Fill in the default.

    Ends the program with exit code 2 where standard output cannot hold what is asked for.
    """
    if options.json and not options.output_directory:
        _settle_lines(parser, options)
    options.format = options.format or [RTTM]
    if options.output_directory:
        return
    if len(options.format) > 1:
        parser.error(
            "standard output takes one format, got --format "
            f"{','.join(options.format)}: expected one, or --output_directory"
        )
    if options.wavscp and (problem := _list_problem(options)):
        parser.error(problem)


def _settle_lines(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.format not in (None, ["json"]):
        parser.error(
            "--json prints JSON on standard output, got --format "
            f"{','.join(options.format)} too: expected --output_directory for its files"
        )
    options.format = ["json"]


def refuse_list(options: argparse.Namespace, n_recordings: int) -> None:
    """Refuse several recordings of --audio_file where their texts cannot follow each other.

    Raises
    ------
    ListError
        If they would go to standard output.
    """
    if n_recordings > 1 and not options.output_directory and (problem := _list_problem(options)):
        raise ListError([problem])


def _list_problem(options: argparse.Namespace) -> str | None:
    (token,) = options.format
    if token == RTTM or FORMATS[token].joins:
        return None
    joining = ", ".join(name for name in TOKENS if name == RTTM or FORMATS[name].joins)
    return (
        f"standard output takes a list of recordings as {joining}, got --format {token}: "
        "expected one of those, a single recording, or --output_directory"
    )


def _formats(text: str) -> list[str]:
    tokens = text.split(",")
    for token in tokens:
        if token not in TOKENS:
            raise argparse.ArgumentTypeError(
                f"expected some of {', '.join(TOKENS)}, separated by commas, got {token!r}"
            )
    return list(dict.fromkeys(tokens))

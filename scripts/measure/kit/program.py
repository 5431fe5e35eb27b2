"""The command line of a measuring program: its steps, exit codes and shared options."""

import argparse
import importlib.util
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from console.option_values import count, positive_seconds
from console.options import DEFAULT_JOBS, DEFAULT_TIMEOUT_S
from console.run_report import log, log_problems, set_up_logging
from formats.atomic_file import OutputError
from inputs.recordings import ListError
from measure.kit import ROOT
from scoring.scores import ScoringError
from sending.service import ServiceError
from server.triton_server import ServerError

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
ROOT_VARIABLE = "DIARIZATION_EVAL_DIR"
ERRORS = (ListError, ScoringError, OutputError, ServiceError, ServerError)

Prepared = TypeVar("Prepared")


def run_program(
    prepare: Callable[[], Prepared],
    measure: Callable[[Prepared], int],
    *errors: type[Exception],
) -> int:
    """Prepare and measure; log an error of `ERRORS` or `errors` as one sentence.

    Returns
    -------
    int
        The exit code of `measure`, or USAGE if `prepare` failed, FAILED if `measure` did.
    """
    set_up_logging(verbose=False)
    known: tuple[type[Exception], ...] = (*ERRORS, *errors)
    step = USAGE
    try:
        prepared = prepare()
        step = FAILED
        return measure(prepared)
    except known as error:
        log_problems(error)
        return step
    except KeyboardInterrupt:
        log.error("interrupted: nothing was written")
        return INTERRUPTED


def exit_code(output: Path, problems: Sequence[str]) -> int:
    """Log where the files are and what was wrong; return OK or FAILED."""
    log.info("written: %s", output)
    for problem in problems:
        log.error("%s", problem)
    return FAILED if problems else OK


def require_matplotlib(what: str, instead: str = "") -> None:
    """Raise an OutputError if `what` cannot be drawn; `instead` is another way out."""
    if importlib.util.find_spec("matplotlib") is None:
        raise OutputError(
            f"{what} need matplotlib, which is not installed: "
            f"`pip install -r requirements-dev.txt`{instead}"
        )


def reported_options(options: argparse.Namespace, without: Collection[str]) -> dict[str, Any]:
    """Return the command line for a JSON report, `without` what does not affect the figures."""
    return {name: _plain(value) for name, value in vars(options).items() if name not in without}


def add_root(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """Add --root, the folder of sets; it must be given where the environment does not name one."""
    root = environment.get(ROOT_VARIABLE)
    parser.add_argument(
        "--root",
        metavar="DIR",
        type=Path,
        default=Path(root) if root else None,
        required=not root,
        help=f"folder of sets (default: the environment variable {ROOT_VARIABLE})",
    )


def add_url(parser: argparse.ArgumentParser) -> None:
    """Add --url."""
    parser.add_argument(
        "--url",
        metavar="HOST:PORT",
        help="gRPC address (default: start a server, stop it after)",
    )


def add_model_config(parser: argparse.ArgumentParser) -> None:
    """Add --model_config, which becomes `flags` of the server that is started."""
    parser.add_argument(
        "--model_config",
        dest="flags",
        metavar="NAME",
        type=lambda name: [f"--model-config-name={name}"],
        default=[],
        help="serve configs/NAME.pbtxt of the models that have one, e.g. gpu",
    )


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Add --url, --jobs and --timeout."""
    add_url(parser)
    add = parser.add_argument
    add("--jobs", metavar="N", type=count, default=DEFAULT_JOBS,
        help="recordings in flight (default: %(default)s)")  # fmt: skip
    add("--timeout", metavar="SECONDS", type=positive_seconds, default=DEFAULT_TIMEOUT_S,
        help="maximum time for one recording (default: %(default)g)")  # fmt: skip


def add_service_options(parser: argparse.ArgumentParser) -> None:
    """Add --option, for a server started by the program."""
    parser.add_argument(
        "--option",
        metavar="KEY=VALUE",
        action="append",
        type=assignment,
        default=[],
        help="option of the service, such as frames.chunk_hop_s=2.5; may be repeated "
        "(default: as in model_repo)",
    )


def add_output(parser: argparse.ArgumentParser, name: str, pages: str) -> None:
    """Add --output, by default output/`name`, and --docs, which writes `pages` too."""
    add = parser.add_argument
    add("--output", metavar="DIR", type=Path, default=ROOT / "output" / name,
        help=f"where files go (default: output/{name})")  # fmt: skip
    add("--docs", action="store_true", help=f"write {pages} too")


def assignment(text: str) -> str:
    """Check that a value is KEY=VALUE."""
    if not all(text.partition("=")):
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    return text


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | None) else str(value)

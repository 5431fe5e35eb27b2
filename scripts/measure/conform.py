"""Check that a server's nets answer as they should, whatever backend and processor computes them.

`python scripts/measure/conform.py --help` lists the options, what is checked, the exit codes.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from tritonclient.utils import InferenceServerException

from console.option_values import positive_seconds
from console.run_report import log
from inputs.recordings import single_recording
from measure.benchmarking.audio import SAMPLE, InputError, Samples, load
from measure.conforming.checks import CHECKS, Check, Server
from measure.conforming.nets import SPEAKER_MODEL, Net, nets_of
from measure.kit.own_server import server_at
from measure.kit.program import FAILED, OK, add_model_config, add_url, run_program
from measure.kit.report import markdown_table
from measure.kit.sending import Connection
from scoring.scores import Scorer, find_md_eval, read_reference
from sending.in_flight import defer_interrupt, diarize_all
from sending.outcome import Answer, Failure
from server.triton_server import MODEL_REPOSITORY

EVERY_MODEL = "*"
SINGLE, HALF, INT8 = "fp32", "half", "int8"
LEAST_COSINE_INT8 = 0.97  # of the speaker net's embeddings of noise
TIMEOUT_S = 60.0
MOST_DER = {"full": 2.0, "classic": 8.0}  # percent at collar 0.25 s
CELL = 70  # characters

EPILOG = """\
The expected outputs are computed here, in single precision on the CPU, from the networks in
model_repo/: the server must serve the same. What is sent is seeded noise and the sample recording.

Without --url a server is started and stopped, in the precision that DIARIZATION_PRECISION
chooses. At --url all models must be open to clients: serve.sh --client-models '*'.

exit codes:
  0    every check passed
  1    a check failed, or the server cannot be started or asked
  2    wrong usage, or a file is missing: nothing was sent
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = parse_options(arguments)
    return run_program(
        prepare, partial(check_server, options), InputError, InferenceServerException
    )


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; end the program with exit code 2 and a sentence if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="conform.py",
        description="Check the nets of a server against outputs computed without it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_url(parser)
    add_model_config(parser)
    add = parser.add_argument
    add("--precision", choices=(SINGLE, HALF, INT8),
        help="of the nets; half is bf16, fp16 or tf32, int8 a speaker net in 8 bit beside it "
        "(default: as `precision` of the server's INFO says)")  # fmt: skip
    add("--timeout", metavar="SECONDS", type=positive_seconds, default=TIMEOUT_S,
        help="maximum time for one answer (default: %(default)g)")  # fmt: skip
    return parser.parse_args(arguments)


def prepare() -> tuple[Sequence[Net], Scorer]:
    """The nets with their golden outputs, and the scorer of the sample recording."""
    speech: Samples = load(SAMPLE)
    scorer = Scorer(find_md_eval(None), read_reference(SAMPLE.with_suffix(".rttm")))
    return nets_of(MODEL_REPOSITORY, speech), scorer


def check_server(options: argparse.Namespace, prepared: tuple[Sequence[Net], Scorer]) -> int:
    """Check everything and print the table; return the exit code."""
    nets, scorer = prepared
    with server_at(options.url, client_models=EVERY_MODEL, flags=options.flags) as url:
        checks, precision = check_run(url, options.timeout, scorer)
        precision = options.precision or precision
        if precision is None:
            raise InputError(
                "precision: the server's INFO names none, expected --precision fp32, half or int8"
            )
        log.info("nets in %s", precision)
        if precision.startswith(INT8):
            nets = [in_8_bit(net) for net in nets]
        with Server(url, options.timeout) as server:
            checks += check_nets(nets, server, precision == SINGLE)
    print(table(checks), end="")
    failed = sum(not check.passed for check in checks)
    print(f"{len(checks)} checks, {failed} failed; nets in {precision}")
    return FAILED if failed else OK


def in_8_bit(net: Net) -> Net:
    """The net with the likeness expected in 8 bit, in which only the speaker net is."""
    if net.model != SPEAKER_MODEL or net.likeness is None:
        return net
    return replace(net, likeness=replace(net.likeness, least=LEAST_COSINE_INT8))


def check_nets(nets: Iterable[Net], server: Server, single: bool) -> Iterator[Check]:
    """All checks of all nets."""
    for net in nets:
        for checks_of in CHECKS:
            yield from checks_of(net, server, single)


def check_run(url: str, timeout_s: float, scorer: Scorer) -> tuple[list[Check], str | None]:
    """Score the sample recording in both modes; what INFO says of the precision is returned too."""
    recording = single_recording(str(SAMPLE))
    checks, precision = [], None
    for mode, most in MOST_DER.items():
        with (
            Connection(url, "run", timeout_s, 1, {"mode": mode}).service() as service,
            defer_interrupt() as interrupted,
        ):
            service.check()
            (outcome,) = diarize_all(
                service, [recording], lambda each: each.path.read_bytes(), 1, interrupted
            )
        name, expected = f"run: sample, {mode}", f"DER <= {most:g} %"
        if isinstance(outcome, Answer):
            score = scorer.scores({recording.recording_id: outcome.rttm})[0]
            checks.append(Check(name, f"DER {score.der:.2f} %", expected, score.der <= most))
            precision = outcome.info.get("precision")
        elif isinstance(outcome, Failure):
            checks.append(Check(name, outcome.reason, expected, False))
    return checks, precision


def table(checks: Iterable[Check]) -> str:
    """All checks as a table; long texts of errors are cut."""
    header = ["check", "got", "expected", "result"]
    rows = (
        [check.name, shortened(check.got), check.expected, "pass" if check.passed else "FAIL"]
        for check in checks
    )
    return markdown_table(header, rows)


def shortened(text: str) -> str:
    """The text in a cell: no longer than `CELL`, without the sign that ends a cell."""
    text = text.replace("|", "/")
    return text if len(text) <= CELL else f"{text[: CELL - 3]}..."


if __name__ == "__main__":
    sys.exit(main())

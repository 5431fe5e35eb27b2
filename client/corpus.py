"""Diarize a corpus on a Ray cluster: a manifest in, RTTM and tables out; see docs/scale.md."""

import argparse
import contextlib
import json
import logging
import os
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

try:
    import ray
except ImportError:
    sys.exit("corpus: no module ray: pip install -r requirements-corpus.txt (setup.sh --corpus)")

import numpy as np
from tqdm import tqdm

from console.option_values import count, positive_seconds, seconds_from_zero
from console.options import (
    DEFAULT_JOBS,
    DEFAULT_RETRY_FOR_S,
    DEFAULT_TIMEOUT_S,
    add_access,
    add_request,
    add_threshold,
    check_speaker_counts,
    request_parameters,
)
from console.run_report import is_interactive, log, log_problems, set_up_logging
from corpora.identities import identities
from corpora.journal import Entry, Journal, unpacked
from corpora.manifest import Item, read_manifest
from corpora.outputs import MANIFESTS, Names, results, write_outputs
from corpora.workers import Work, WorkerError, diarized
from formats.atomic_file import OutputError
from inputs.recordings import ListError
from sending.access import AccessError, access
from sending.addresses import host_and_port, split
from sending.service import Service, ServiceError
from voices.voice import Centroids

OK, SOME_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
HOUR_S = 3600.0
CONNECTED_WITHIN_S = 10.0
ACTOR_CPUS = 0.1  # of one that only sends to a server
HOURS_BAR = "{percentage:3.0f}%|{bar}| {n:.1f}/{total:.1f} h [{elapsed}<{remaining}{postfix}]"
EPILOG = """\
The output has recordings.jsonl, a line per recording that ended, and, made from it after every run,
rttm/*.rttm, turns.parquet, speakers.parquet and failures.parquet. The same command again continues:
it diarizes what has no result yet.

exit codes: 0 all have a result, 1 some failed or the run ended early, 2 wrong usage or manifest,
130 interrupted by Ctrl-C
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with these command-line arguments and return the exit code."""
    options = parse_options(argv)
    set_up_logging(options.verbose, options.quiet)
    try:
        items = read_manifest(options.manifest, options.data_dir)
        work = Work(
            ",".join(split(options.servers)), request_parameters(options), access(options),
            options.jobs, options.timeout, options.retry_for,
        )  # fmt: skip
        return _run(options, items, work)
    except (ListError, AccessError, OutputError) as error:
        log_problems(error)
        return USAGE
    except (ServiceError, WorkerError) as error:
        log.error("%s", error)
    except ray.exceptions.RayError as error:
        log.error("%s", _reason(error))
    except (ConnectionError, socket.gaierror, TimeoutError) as error:
        log.error("no Ray cluster at %s: %s", options.address, error)
    except KeyboardInterrupt:
        log.warning("interrupted; the same command continues")
        return INTERRUPTED
    return SOME_FAILED


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; ends the program with exit code 2 and a sentence if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="corpus.py",
        description="Diarize a corpus on this machine or on a Ray cluster.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    # fmt: off
    add("--manifest", required=True, metavar="PATH",
        help="wav.scp, JSON Lines (NeMo, Lhotse), CSV, TSV, Parquet, a folder or a quoted pattern; "
        "here or at s3://, gs://, https://")
    add("--output", required=True, metavar="DIR", type=Path, help="gets results and tables")
    add("--data_dir", metavar="DIR", default="", help="where relative paths start (default: here)")
    add("--address", metavar="auto|HOST:PORT",
        help="of a Ray cluster (default: Ray on this machine)")
    add("--servers", metavar="HOST:PORT[,...]", default="",
        help="servers that run already (default: every node starts one, or one per GPU)")
    add("--jobs", metavar="N", type=count, default=DEFAULT_JOBS,
        help="recordings in flight at each server (default: %(default)s)")
    add("--timeout", metavar="SECONDS", type=positive_seconds, default=DEFAULT_TIMEOUT_S,
        help="maximum time for one recording (default: %(default)g)")
    add("--retry_for", metavar="SECONDS", type=seconds_from_zero, default=DEFAULT_RETRY_FOR_S,
        help="how long a recording is sent again while its server is away (default: %(default)g)")
    add("--segments", metavar="NAME", choices=tuple(MANIFESTS), action="append", default=[],
        help="write a manifest of all turns too: nemo or lhotse; may be repeated")
    add("--link_speakers", action="store_true", help="one name for one voice in the whole corpus")
    # fmt: on
    add_threshold(add)
    add_request(parser)
    add_access(parser)
    one_of = parser.add_mutually_exclusive_group()
    one_of.add_argument("-v", "--verbose", action="store_true", help="also log what Ray says")
    one_of.add_argument("-q", "--quiet", action="store_true", help="log errors only")
    options = parser.parse_args(argv)
    check_speaker_counts(parser, options)
    return options


def _run(options: argparse.Namespace, items: list[Item], work: Work) -> int:
    if work.servers:
        with Service(work.servers, "run", 1, {}, work.access) as service:
            service.check()
    with Journal(options.output, dict(work.parameters)) as journal:
        left = [item for item in items if item.recording_id not in journal.done]
        log.info("%d recordings, %d have a result", len(items), len(items) - len(left))
        counts = _diarize(options, left, work, journal) if left else Counter()
    names = _link(options) if options.link_speakers else {}
    write_outputs(options.output, names, tuple(options.segments))
    missing = sum(item.recording_id not in journal.done for item in items)
    for kind, n in sorted(counts.items()):
        log.error("%d failed: %s", n, kind)
    log.info(
        "%d of %d recordings have a result: %s", len(items) - missing, len(items), options.output
    )
    return SOME_FAILED if missing else OK


def _diarize(
    options: argparse.Namespace, items: list[Item], work: Work, journal: Journal
) -> Counter[str]:
    """Diarize recordings and note every outcome; returns the number of failures by kind."""
    counts: Counter[str] = Counter()
    started_s, audio_s = time.monotonic(), 0.0
    left = {item.recording_id: item for item in items}
    by_hours = all(item.length_s for item in items)
    with _bar(items, by_hours, options) as bar:
        while left:  # once more after the loss of a node
            with _cluster(options):
                for line in diarized([*left.values()], work, *_placement(work)):
                    entry: Entry = json.loads(line)
                    item = left.pop(entry["recording"])
                    journal.add(entry)
                    if kind := entry.get("failure"):
                        counts[kind] += 1
                        log.error("%s: %s", entry["recording"], entry["reason"])
                    audio_s += entry.get("audio_s") or 0.0
                    bar.set_postfix_str(_rate(audio_s, started_s), refresh=False)
                    bar.update(_size(item) if by_hours else 1)
    log.info("%s", _rate(audio_s, started_s))
    return counts


def _rate(audio_s: float, started_s: float) -> str:
    elapsed_s = time.monotonic() - started_s
    return f"{audio_s / HOUR_S:.2f} hours of audio, {audio_s / elapsed_s:.0f} hours per hour"


def _size(item: Item) -> float:
    return (item.length_s or 0.0) / HOUR_S


def _bar(items: list[Item], by_hours: bool, options: argparse.Namespace) -> tqdm:
    """A bar of the hours that the manifest names, else of recordings.

    Its estimate is by the mean so far, so by recordings it assumes that those to come are as long.
    """
    return tqdm(
        total=sum(map(_size, items)) if by_hours else len(items),
        unit="recording",
        bar_format=HOURS_BAR if by_hours else None,
        smoothing=0,
        disable=not is_interactive(options.quiet),
    )


@contextlib.contextmanager
def _cluster(options: argparse.Namespace) -> Iterator[None]:
    level = logging.INFO if options.verbose else logging.ERROR
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(level)
    if not options.verbose:
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    quiet: dict[str, Any] = {"log_to_driver": options.verbose, "logging_level": level}
    if options.address:
        _check_address(options.address)
        ray.init(options.address, **quiet)
    else:
        n_cpus = len(os.sched_getaffinity(0))
        ray.init("local", num_cpus=n_cpus, include_dashboard=False, **quiet)
    try:
        yield
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """ConnectionError at once where nothing listens; Ray itself tries for minutes."""
    if address != "auto":
        socket.create_connection(host_and_port(address), CONNECTED_WITHIN_S).close()


def _placement(work: Work) -> tuple[int, float, int]:
    """Number of actors, and CPUs and GPUs of each: one per server, per GPU, or per node."""
    if work.servers:
        return len(split(work.servers)), ACTOR_CPUS, 0
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    gpus = sum(int(node.get("GPU", 0)) for node in nodes)
    if gpus:
        return gpus, 1.0, 1
    cpus = [int(node["CPU"]) for node in nodes if node.get("CPU", 0) >= 1]
    if not cpus:
        raise WorkerError("the cluster has no CPU for a server, expected one on some node")
    least = min(cpus)
    return sum(each // least for each in cpus), float(least), 0


def _link(options: argparse.Namespace) -> Names:
    """Names of the voices of a corpus, by recording and own name; each network on its own."""
    kinds: dict[str, list[tuple[str, str, Centroids]]] = {}
    for entry in results(options.output):
        for own, row in zip(entry["speakers"], unpacked(entry["embeddings"]), strict=True):
            kinds.setdefault(entry["network"], []).append((entry["recording"], own, row))
    names = {}
    for number, (network, found) in enumerate(kinds.items()):
        numbers = {recording: n for n, recording in enumerate({each[0] for each in found})}
        voices = identities(
            np.stack([row for _, _, row in found]),
            [numbers[recording] for recording, _, _ in found],
            options.voice_threshold,
        )
        log.info("%d voices of %d speakers (%s)", len(set(voices)), len(found), network)
        suffix = f"_{network}" if number else ""
        for (recording, own, _), voice in zip(found, voices, strict=True):
            names[recording, own] = voice + suffix
    return names


def _reason(error: Exception) -> str:
    """The last line of an error of Ray, which quotes where it came from."""
    return str(error).strip().rpartition("\n")[2].rpartition("WorkerError: ")[2]


if __name__ == "__main__":
    sys.exit(main())

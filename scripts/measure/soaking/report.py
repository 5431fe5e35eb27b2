"""The report of a soak: its page with tables, and its JSON document."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from measure.kit.program import reported_options
from measure.kit.report import markdown_table, megabytes, origin_text, rounded
from measure.soaking.attacks import ATTACKS, N_CLIENTS, AttacksResult
from measure.soaking.checks import CaseResult, RepeatsResult
from measure.soaking.faults import FaultsResult
from measure.soaking.load import LARGEST_S, LoadResult

FORMAT = "diarization-soak-2"
NAME = "reliability"
MINUTE_S = 60.0

_INTRODUCTION = """\
Written by `python scripts/measure/soak.py`; do not edit. It starts the real server and tries to
break it. A request is *wrong* if its answer differs from that to the same request sent alone:
another status, another text of the error, other speakers, or a boundary moved by more than 20 ms.
(Not byte by byte: batches mix the requests of all clients, which changes the nets' last bits.) It
is *lost* if it did not get exactly one outcome.
"""
_INPUTS = """\
Every request below was sent together with a good one over the same connection. The good one had to
get the turns that it gets alone, and the server had to be ready afterwards. Answers had to be RTTM
that reads back; refusals had to be `INVALID_ARGUMENT`, to say what was wrong, what they got and
expected, and to show no path or traceback of the server.
"""
_REPEATS = """\
The same bytes sent one after another to a server that does nothing else, their RTTM compared byte
by byte.
"""
_LOAD = """\
{n_clients} clients, each sending its next request as soon as it has its last outcome, for
{minutes:.1f} minutes: a seeded mix of `good` requests ({n_good} different ones that are answered),
`long` ones of a minute of audio, `bad` ones (everything that has to be refused), and `cancelled`
ones that the client cancels after up to 3 seconds (some are answered before). The server's queue
is longer than that, so no request had to be turned away.
"""
_FAULTS = """\
`python client/client.py --wavscp ... --resume --retry_for=600` sends {n} recordings to a server
that `python scripts/server/serve.py` keeps running. Meanwhile one process after another is killed
(SIGKILL): one of each model's, tritonserver itself, and the client, which is started again by the
same line. In the end {right} of {n} recordings had their RTTM, with the turns they got before the
first fault, each once in the joined `rttm`, after {wall_s:.0f} s.
"""
_ATTACKS = """\
{n_clients} clients with good requests, each sent again while the server is away, beside an attacker
of the server and of a gateway before it, for {minutes:.1f} minutes; a process whose name is not
valid text runs meanwhile. {n_stopped} times a process of a model was stopped (SIGSTOP), and
`serve.py` restarted the server. {n_answered} good requests had their answers, {n_again} times
one was sent again. While the server restarts, an attack gets `UNAVAILABLE` or 503.
"""
_GROWTH = """\
Memory of all processes of the server (PSS: shared pages count once): after {largest:g} minutes of
audio in every instance of `run` at once, and again after {n_requests} requests of the mix above.
Python, ONNX Runtime and the shared memory keep what the largest request took; other requests must
not add to it. One MB is 10^6 bytes.
"""


@dataclass
class Soak:
    """A whole run; None for a phase that was left out."""

    inputs: Sequence[CaseResult] | None = None
    repeats: Sequence[RepeatsResult] | None = None
    growth: LoadResult | None = None
    load: LoadResult | None = None
    faults: FaultsResult | None = None
    attacks: AttacksResult | None = None

    @property
    def problems(self) -> list[str]:
        """One sentence for all that was wrong or lost, starting with its phase."""
        found: dict[str, Sequence[str]] = {
            "inputs": [f"{each.kind}, {each.name}: {problem}"
                       for each in self.inputs or () for problem in each.problems],
            "repeats": [problem for each in self.repeats or () for problem in each.problems],
        }  # fmt: skip
        results = {
            "growth": self.growth, "load": self.load, "faults": self.faults,
            "attacks": self.attacks,
        }  # fmt: skip
        found |= {phase: result.problems for phase, result in results.items() if result}
        return [f"{phase}: {problem}" for phase, problems in found.items() for problem in problems]


def report_of(
    soak: Soak, options: argparse.Namespace, provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """Make the JSON document."""
    shown = {**reported_options(options, ("output", "docs")), "audio": options.audio.name}
    found = rounded(asdict(soak))
    return {"format": FORMAT, **provenance, "options": shown, "problems": soak.problems, **found}


def markdown_page(soak: Soak, report: Mapping[str, Any]) -> str:
    """Write the page."""
    parts = ["# Reliability\n", _INTRODUCTION, origin_text(report)]
    parts += ["## Summary\n", markdown_table(["", "found"], _summary(soak))]
    if soak.problems:
        parts += ["## Wrong or lost\n", "".join(f"- {each}\n" for each in soak.problems)]
    else:
        parts.append("Nothing was wrong, nothing was lost.\n")
    parts += _load(soak.load) if soak.load else []
    parts += _faults(soak.faults) if soak.faults else []
    parts += _attacks(soak.attacks) if soak.attacks else []
    parts += _growth(soak.growth) if soak.growth else []
    parts += _repeats(soak.repeats) if soak.repeats else []
    parts += _inputs(soak.inputs) if soak.inputs else []
    return "\n".join(parts)


def _summary(soak: Soak) -> Iterator[tuple[str, str]]:
    """One line per finding."""
    if soak.inputs:
        yield "unusual and invalid requests tried", str(len(soak.inputs))
        n_bad = sum(bool(each.problems) for each in soak.inputs)
        yield "of these not as expected, or affecting the request beside them", str(n_bad)
    if soak.repeats:
        n_runs = sum(each.n_runs for each in soak.repeats)
        n_other = sum(each.n_different - 1 for each in soak.repeats)
        yield f"different answers in {n_runs} repeats", str(n_other)
    if growth := soak.growth:
        size = f"{megabytes(growth.after_bytes - growth.before_bytes)} MB"
        yield f"growth of memory over {growth.n_sent} requests", size
    if load := soak.load:
        minutes = load.wall_s / MINUTE_S
        held = f"{load.n_sent} requests of {load.n_clients} clients in {minutes:.1f} min"
        yield "load held", held
        yield "wrong answers under load", str(len(load.wrong))
        yield "lost requests under load", str(len(load.lost))
    if faults := soak.faults:
        yield "processes killed while a client works", str(len(faults.faults))
        yield f"of its {faults.n_recordings} recordings right", str(faults.n_right)
    if attacks := soak.attacks:
        n_attacks = sum(sum(counts.values()) for counts in attacks.attacks.values())
        yield f"attacks in {attacks.wall_s / MINUTE_S:.1f} min", str(n_attacks)
        yield "good requests answered meanwhile", str(attacks.n_answered)
        yield "wrong or lost meanwhile", str(len(attacks.problems))


def _load(load: LoadResult) -> list[str]:
    text = _LOAD.format(
        n_clients=load.n_clients, minutes=load.wall_s / MINUTE_S, n_good=load.n_good
    )
    statuses = sorted({status for counts in load.counts.values() for status in counts})
    counts = [
        [kind, str(sum(counts.values())), *(str(counts.get(status, 0)) for status in statuses)]
        for kind, counts in load.counts.items()
    ]
    header = ["requests", "sent", *(f"`{each}`" for each in statuses)]
    return ["## Load\n", text, markdown_table(header, counts)]


def _faults(faults: FaultsResult) -> list[str]:
    text = _FAULTS.format(n=faults.n_recordings, right=faults.n_right, wall_s=faults.wall_s)
    rows = [
        [each.victim, str(each.n_answered), f"{each.back_after_s:.1f}", each.message]
        for each in faults.faults
    ]
    table = markdown_table(["killed", "answers before", "back after s", "message"], rows)
    return ["## Faults\n", text, table]


def _attacks(attacks: AttacksResult) -> list[str]:
    text = _ATTACKS.format(
        n_clients=N_CLIENTS, minutes=attacks.wall_s / MINUTE_S, n_stopped=len(attacks.restarts),
        n_answered=attacks.n_answered, n_again=attacks.n_again,
    )  # fmt: skip
    rows = [
        [name, str(sum(counts.values())), ", ".join(sorted(counts)), ATTACKS[name][1]]
        for name, counts in attacks.attacks.items()
    ]
    table = markdown_table(["attack", "times", "came back", "expected"], rows)
    return ["## Attacks\n", text, table]


def _growth(growth: LoadResult) -> list[str]:
    text = _GROWTH.format(largest=LARGEST_S / MINUTE_S, n_requests=growth.n_sent)
    rows = [
        ["after the largest request", megabytes(growth.before_bytes)],
        [f"after {growth.n_sent} more", megabytes(growth.after_bytes)],
        ["growth", megabytes(growth.after_bytes - growth.before_bytes)],
    ]
    return ["## Memory\n", text, markdown_table(["", "all processes MB"], rows)]


def _repeats(results: Sequence[RepeatsResult]) -> list[str]:
    rows = [[each.mode, str(each.n_runs), str(each.n_different)] for each in results]
    return ["## Repeats\n", _REPEATS, markdown_table(["mode", "runs", "different answers"], rows)]


def _inputs(results: Sequence[CaseResult]) -> list[str]:
    table = "| kind | request | expected | came back | as expected |\n"
    table += "| --- | --- | --- | --- | --- |\n"
    for each in results:
        cells = [each.name, each.got, "; ".join(each.problems) or "yes"]
        name, got, verdict = (cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells)
        table += f"| {each.kind} | {name} | {each.expected} | {got} | {verdict} |\n"
    return ["## Inputs\n", _INPUTS, table]

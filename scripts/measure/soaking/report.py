"""The page of a soak: what was tried, what came back, and what each table means."""

from collections.abc import Mapping
from typing import Any

from measure.kit.report import origin_text
from measure.soaking.attacks import N_CLIENTS
from measure.soaking.results import Soak
from measure.soaking.tables import (
    attacks_table,
    cases_table,
    counts_table,
    faults_table,
    growth_table,
    inputs_table,
    latency_table,
    repeats_table,
    summary_table,
)

PICTURE = "memory.png"
MINUTE_S = 60.0

_INTRODUCTION = """\
Written by `python scripts/measure/soak.py`; do not edit. It starts the real server and tries
to break it. A request is *wrong* if it got another answer than the same request sent alone:
another status, another text of the error, other speakers, or a boundary moved by more than 20 ms.
(Not byte by byte: the nets work on batches that mix the requests of all clients, which changes the
last bits of their results.) It is *lost* if it did not get exactly one outcome.
"""
_INPUTS = """\
Every request below was sent together with a good one over the same connection. The good one had to
get the turns that it gets alone, and the server had to be ready afterwards. Answers had to be RTTM
that reads back; refusals had to be `INVALID_ARGUMENT`, to say what, got and expected, and to show
no path or traceback of the server.
"""
_REPEATS = """\
The same bytes sent one after another to a server that does nothing else, their RTTM compared byte
by byte.
"""
_LOAD = """\
{n_clients} clients, each sending its next request as soon as it has its last outcome, for
{minutes:.1f} minutes: a seeded mix of `good` requests ({n_good} different ones that are answered),
`long` ones of a minute of audio, `bad` ones (everything that has to be refused), and `cancelled`
ones that the client gives up after up to 3 seconds (some are answered before). The server's queue
is longer than that, so nothing was to be turned away.
"""
_LATENCY = """\
Seconds from sending to the answer, its wait behind the other clients' requests included:
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
of the server and of a gateway before it, for {minutes:.1f} minutes; a process with a name that is
no text runs meanwhile. {n_stopped} times a process of a model was stopped (SIGSTOP), and
`serve.py` started the server again. {n_answered} good requests had their answers, {n_again} times
one was sent again. Where the server starts again, an attack gets `UNAVAILABLE` or 503.
"""
_GROWTH = """\
Memory of all processes of the server (PSS: shared pages count once) and of the files in /dev/shm
through which its processes pass tensors: after {largest:g} minutes of audio in every instance of
`run` at once, and again after {n_requests} requests of the mix above. Python, ONNX Runtime and the
shared memory keep what the largest request took; what may not happen is that others add to it.
One MB is 10^6 bytes.
"""


def markdown_page(soak: Soak, report: Mapping[str, Any], pictures: str) -> str:
    """Tell all of a run; `pictures` stands before the file name of the picture."""
    parts = [
        "# Reliability\n",
        _INTRODUCTION,
        origin_text(report),
        "## Summary\n",
        summary_table(soak),
        *_problems(soak),
        *_load(soak, pictures),
        *_faults(soak),
        *_attacks(soak),
        *_growth(soak),
        *_repeats(soak),
        *_inputs(soak),
    ]
    return "\n".join(parts)


def _problems(soak: Soak) -> list[str]:
    if not soak.problems:
        return ["Nothing was wrong, nothing was lost.\n"]
    return ["## Wrong or lost\n", "".join(f"- {each}\n" for each in soak.problems)]


def _load(soak: Soak, pictures: str) -> list[str]:
    load = soak.load
    if load is None:
        return []
    told = _LOAD.format(
        n_clients=load.n_clients, minutes=load.wall_s / MINUTE_S, n_good=load.n_good
    )
    picture = f"![memory]({pictures}{PICTURE})\n"
    return ["## Load\n", told, counts_table(load), _LATENCY, latency_table(load), picture]


def _faults(soak: Soak) -> list[str]:
    faults = soak.faults
    if faults is None:
        return []
    told = _FAULTS.format(n=faults.n_recordings, right=faults.n_right, wall_s=faults.wall_s)
    return ["## Faults\n", told, faults_table(faults)]


def _attacks(soak: Soak) -> list[str]:
    attacks = soak.attacks
    if attacks is None:
        return []
    told = _ATTACKS.format(
        n_clients=N_CLIENTS, minutes=attacks.wall_s / MINUTE_S, n_stopped=len(attacks.restarts),
        n_answered=attacks.n_answered, n_again=attacks.n_again,
    )  # fmt: skip
    return ["## Attacks\n", told, attacks_table(attacks)]


def _growth(soak: Soak) -> list[str]:
    growth = soak.growth
    if growth is None:
        return []
    told = _GROWTH.format(largest=growth.largest_s / MINUTE_S, n_requests=growth.load.n_sent)
    return ["## Memory\n", told, growth_table(growth)]


def _repeats(soak: Soak) -> list[str]:
    return [] if soak.repeats is None else ["## Repeats\n", _REPEATS, repeats_table(soak.repeats)]


def _inputs(soak: Soak) -> list[str]:
    if soak.inputs is None:
        return []
    return ["## Inputs\n", _INPUTS, inputs_table(soak.inputs), cases_table(soak.inputs)]

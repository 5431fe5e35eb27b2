"""The tables of a soak, in Markdown."""

from collections.abc import Sequence

from measure.benchmarking.tables import megabytes
from measure.kit.report import markdown_table
from measure.soaking.attacks import ATTACKS, AttacksResult
from measure.soaking.faults import FaultsResult
from measure.soaking.growth import GrowthResult
from measure.soaking.inputs import CaseResult
from measure.soaking.load import LoadResult
from measure.soaking.repeats import RepeatsResult
from measure.soaking.results import Soak
from measure.soaking.watching import MemorySample

MINUTE_S = 60.0


def summary_table(soak: Soak) -> str:
    """One line per finding."""
    rows: list[tuple[str, str]] = []
    if soak.inputs is not None:
        n_bad = sum(bool(each.problems) for each in soak.inputs)
        rows.append(("odd and bad requests tried", str(len(soak.inputs))))
        rows.append(("of these not as expected, or hurting the request beside them", str(n_bad)))
    if soak.repeats is not None:
        n_runs = sum(each.n_runs for each in soak.repeats)
        n_other = sum(each.n_different - 1 for each in soak.repeats)
        rows.append((f"different answers in {n_runs} repeats", str(n_other)))
    if soak.growth is not None:
        growth = f"{megabytes(soak.growth.growth_bytes)} MB"
        rows.append((f"growth of memory over {soak.growth.load.n_sent} requests", growth))
    if soak.load is not None:
        rows += _load_rows(soak.load)
    if soak.faults is not None:
        faults = soak.faults
        rows.append(("processes killed while a client works", str(len(faults.faults))))
        rows.append((f"of its {faults.n_recordings} recordings right", str(faults.n_right)))
    if soak.attacks is not None:
        attacks = soak.attacks
        n_attacks = sum(sum(counts.values()) for counts in attacks.attacks.values())
        minutes = f"{attacks.wall_s / MINUTE_S:.1f} min"
        rows.append((f"attacks in {minutes}", str(n_attacks)))
        rows.append(("good requests answered meanwhile", str(attacks.n_answered)))
        rows.append(("wrong or lost meanwhile", str(len(attacks.problems))))
    return markdown_table(["", "found"], rows)


def _load_rows(load: LoadResult) -> list[tuple[str, str]]:
    held = f"{load.n_sent} requests of {load.n_clients} clients in {load.wall_s / MINUTE_S:.1f} min"
    return [
        ("load held", held),
        ("wrong answers under load", str(len(load.wrong))),
        ("lost requests under load", str(len(load.lost))),
    ]


def counts_table(load: LoadResult) -> str:
    """Outcomes by kind and status."""
    statuses = sorted({status for counts in load.counts.values() for status in counts})
    rows = [
        [kind, str(sum(counts.values())), *(str(counts.get(status, 0)) for status in statuses)]
        for kind, counts in load.counts.items()
    ]
    return markdown_table(["requests", "sent", *(f"`{each}`" for each in statuses)], rows)


def latency_table(load: LoadResult) -> str:
    """Percentiles by kind."""
    names = list(dict.fromkeys(name for told in load.latency_s.values() for name in told))
    rows = [
        [kind, *(f"{told[name]:.1f}" for name in names)] for kind, told in load.latency_s.items()
    ]
    return markdown_table(["requests", *names], rows)


def growth_table(growth: GrowthResult) -> str:
    """Memory before and after."""
    rows = [
        _memory_row("after the largest request", growth.before),
        _memory_row(f"after {growth.load.n_sent} more", growth.after),
        ["growth", megabytes(growth.growth_bytes), megabytes(growth.shared_growth_bytes)],
    ]
    return markdown_table(["", "all processes MB", "of it in /dev/shm MB"], rows)


def _memory_row(name: str, sample: MemorySample) -> list[str]:
    return [name, megabytes(sample.pss_bytes), megabytes(sample.shared_bytes)]


def faults_table(faults: FaultsResult) -> str:
    """Every kill, in order."""
    rows = [
        [each.victim, str(each.n_done), f"{each.back_after_s:.1f}", each.said]
        for each in faults.faults
    ]
    return markdown_table(["killed", "answers before", "back after s", "what was said"], rows)


def attacks_table(attacks: AttacksResult) -> str:
    """What came back of every attack."""
    rows = [
        [name, str(sum(counts.values())), ", ".join(sorted(counts)), ATTACKS[name][1]]
        for name, counts in attacks.attacks.items()
    ]
    return markdown_table(["attack", "times", "came back", "expected"], rows)


def repeats_table(repeats: Sequence[RepeatsResult]) -> str:
    """Different answers by mode."""
    rows = [[each.mode, str(each.n_runs), str(each.n_different)] for each in repeats]
    return markdown_table(["mode", "runs", "different answers"], rows)


def inputs_table(results: Sequence[CaseResult]) -> str:
    """How many of each kind, and what became of them."""
    rows = []
    for kind in dict.fromkeys(each.kind for each in results):
        of_kind = [each for each in results if each.kind == kind]
        n_answered = sum(each.status == "OK" for each in of_kind)
        n_refused = sum(each.status == "INVALID_ARGUMENT" for each in of_kind)
        n_bad = sum(bool(each.problems) for each in of_kind)
        rows.append([kind, *map(str, (len(of_kind), n_answered, n_refused, n_bad))])
    return markdown_table(["kind", "tried", "answered", "refused", "not as expected"], rows)


def cases_table(results: Sequence[CaseResult]) -> str:
    """Every case; the text of a refusal as the client got it."""
    rows = "".join(
        f"| {each.kind} | {_cell(each.name)} | {each.expected} | {_cell(each.got)} |"
        f" {_cell('; '.join(each.problems)) or 'yes'} |\n"
        for each in results
    )
    header = "| kind | request | expected | came back | as expected |\n"
    return header + "| --- | --- | --- | --- | --- |\n" + rows


def _cell(text: str) -> str:
    """Text that cannot end its cell or turn into markup."""
    return text.replace("|", "\\|").replace("<", "&lt;")

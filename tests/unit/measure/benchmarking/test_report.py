"""The tables of a benchmark, with planted figures; the command line."""

import pytest

from measure.benchmark import parse_options
from measure.benchmarking.clients import ClientsResult
from measure.benchmarking.floor import Floor
from measure.benchmarking.processors import GpuUse
from measure.benchmarking.report import (
    clients_table,
    floor_table,
    length_text,
    memory_table,
    peers_table,
    processor_table,
    stages_table,
    time_table,
)
from measure.benchmarking.runs import LengthResult, Run

FULL = LengthResult(
    "full", False, 600.0, 9_000_000,
    [Run(8.0, 700_000_000, {"sad": 1.0, "embed": 5.0, "total": 7.5}, Floor(900, 473, 3.0, 1.0))],
)  # fmt: skip
FAILED = LengthResult("classic", False, 600.0, 9_000_000, [Run(1.0, 1, failure="refused")])
PEER = LengthResult(
    "other", True, 600.0, 9_000_000, [Run(20.0, 1_400_000_000), Run(28.0, 1_000_000_000)]
)


def rows(table):
    """Cells of a Markdown table without its header and rule."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


@pytest.mark.parametrize(
    ("audio_s", "text"),
    [(30.0, "30 s"), (600.0, "10 min"), (90.0, "1.5 min"), (36000.0, "10 h"), (0.5, "0.5 s")],
)
def test_length_has_a_readable_unit(audio_s, text):
    assert length_text(audio_s) == text


def test_time_table():
    assert rows(time_table([FULL, FAILED])) == [
        ["10 min", "full", "1", "8.00", "8.00 – 8.00", "0.0133", "75"],
        ["10 min", "classic", "0", "failed", "–", "–", "–"],
    ]


def test_memory_table():
    assert rows(memory_table([FULL, FAILED], 500_000_000)) == [
        ["idle", "–", "–", "500", "–"],
        ["10 min", "full", "9.0", "700", "200"],
        ["10 min", "classic", "9.0", "–", "–"],
    ]


def test_stages_table():
    classic = LengthResult("classic", False, 600.0, 9_000_000, [Run(2.0, 1, {"sad": 1.5})])
    table = stages_table([classic, FULL, FAILED])

    assert [row[2:] for row in rows(table)] == [
        ["1.50", "0.00", "0.00", "2.00", "2.00"],
        ["1.00", "5.00", "1.50", "0.50", "8.00"],
    ]


CPU_S = {"speaker_model": 2.0, "segmentation": 3.0, "sad": 0.5, "run": 1.0, "server": 0.25}
CARD = GpuUse(41.6, 250.4, 3_000_000_000)


def test_processor_table():
    on_gpu = LengthResult("full", False, 600.0, 1, [Run(2.0, 1, cpu_s=CPU_S, gpu=CARD)])

    assert rows(processor_table([on_gpu, FULL, FAILED])) == [
        ["10 min", "full", "1.75", "3.00", "2.00", "0.50", "1.00", "0.25", "42", "250", "3000"],
        ["10 min", "full", *9 * "–"],
    ]


def test_floor_table():
    assert rows(floor_table([FULL, FAILED])) == [
        ["10 min", "full", "900", "473", "3.00", "1.00", "4.00", "8.00", "2.00 x"]
    ]


def test_peers_are_compared_with_each_mode():
    assert rows(peers_table([FULL, FAILED], [PEER])) == [
        ["10 min", "other", "2", "24.00", "20.00 – 28.00", "1400", "3.00 x", "–", "2.00 x", "–"]
    ]


def test_clients_are_compared_with_one_alone():
    alone = ClientsResult("full", 30.0, 3.0, [[1.0, 2.0]], [], 600_000_000, CPU_S, CARD)
    two = ClientsResult("full", 30.0, 2.0, [[1.0], [2.0]], ["refused"])

    assert rows(clients_table([alone, two])) == [
        ["1", "full", "2", "0", "20.0", "1.00 x", "1.50", "1.95", "1.00 x", "600",
         "0.88", "42", "250", "3000"],
        ["2", "full", "3", "1", "30.0", "1.50 x", "1.50", "1.95", "2.00 x", "0",
         *4 * "–"],
    ]  # fmt: skip


def test_quick_and_long_change_the_defaults():
    quick = parse_options(["--quick"])
    long = parse_options(["--long", "--clients", "4", "2", "4"])

    assert (quick.lengths, quick.clients, quick.repeats) == ([30.0, 600.0], [1, 4, 8], 1)
    assert long.lengths == [30.0, 600.0, 3600.0, 36000.0]
    assert (long.clients, long.repeats) == ([2, 4], 3)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--repeats", "0"], ["--lengths", "-3"], ["--peer", "x"], ["--option", "x"],
        ["--peer", "a=b {audio}", "--peer", "a=c {audio}"],
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_2(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        parse_options(wrong)

    assert ended.value.code == 2
    assert "benchmark.py: error: " in capsys.readouterr().err

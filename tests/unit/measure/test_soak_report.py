"""The findings of a soak on its page and in its JSON; memory read from planted /proc files."""

import json

import pytest

from measure import soak
from measure.soaking.attacks import AttacksResult
from measure.soaking.faults import Fault, FaultsResult
from measure.soaking.files import encoded
from measure.soaking.growth import GrowthResult
from measure.soaking.inputs import CaseResult
from measure.soaking.load import LoadResult
from measure.soaking.output import write_docs, write_folder
from measure.soaking.repeats import RepeatsResult, run_repeats
from measure.soaking.results import Soak, report_of
from measure.soaking.watching import MemorySample, shared_memory_bytes
from unit.measure.test_soak_crowd import WHOLE, PlantedAsker
from unit.measure.test_soak_verdicts import answer, refusal

ORIGIN = {
    "date": "2026-01-01", "git": {"commit": "abc", "changed_files": 0},
    "machine": {"cpu": "a CPU", "n_cores": 2, "load_before": 0.1},
}  # fmt: skip
GOOD_CASE = CaseResult("coding", "mp3", "nearly", "OK", "2 speaker(s)", [], 0.1)
BAD_CASE = CaseResult("bomb", "a | b", "refused", "OK", "<1>", ["got an answer"], 0.1)


def load(wrong=(), lost=()):
    memory = [MemorySample(0.0, 800_000_000, 100_000_000), MemorySample(60.0, 810_000_000, 10**8)]
    counts = {"good": {"OK": 40, "UNAVAILABLE": 1}, "bad": {"INVALID_ARGUMENT": 9}}
    return LoadResult(
        16, 7, 60.0, 50, counts, wrong, lost, [], {"good": {"p50": 1.5, "p95": 2.5}}, memory
    )  # fmt: skip


def growth(pss_bytes, shared_bytes=100_000_000):
    before = MemorySample(0.0, 1_000_000_000, 100_000_000)
    return GrowthResult(300.0, before, MemorySample(0.0, pss_bytes, shared_bytes), load())


def faults(problems=()):
    fault = Fault("run", 8, 12.5, "ready again after 12.0 s")
    return FaultsResult(50, 50 - len(problems), 100.0, [fault], problems)


def attacks(problems=()):
    counts = {"film that is a bomb": {"422": 9, "503": 1}}
    return AttacksResult(600.0, 321, 4, counts, ["ready again after 7.0 s"], problems)


def everything(**changed):
    parts = {
        "inputs": [GOOD_CASE],
        "repeats": [RepeatsResult("full", 100, 1, [])],
        "growth": growth(1_010_000_000),
        "load": load(),
        "faults": faults(),
        "attacks": attacks(),
    }
    return Soak(**{**parts, **changed})


def report(found):
    return report_of(found, {"phases": ["load"]}, ORIGIN)


def test_a_clean_soak_says_so_and_tells_all_counts(tmp_path):
    page = write_folder(tmp_path, everything(), report(everything()))
    assert "Nothing was wrong, nothing was lost." in page
    assert "50 requests of 16 clients in 1.0 min" in page
    assert "| good     |   41 |                  0 |   40 |             1 |" in page
    assert "| growth                    |               10 |                    0 |" in page
    assert "| coding | mp3 | nearly | 2 speaker(s) | yes |" in page
    assert "| run    |              8 |         12.5 | ready again after 12.0 s |" in page
    assert "In the end 50 of 50 recordings had their RTTM" in page
    assert "| film that is a bomb |    10 |  422, 503 |      422 |" in page
    assert "321 good requests had their answers" in page
    assert (tmp_path / "memory.png").is_file()
    told = json.loads((tmp_path / "soak.json").read_text())
    assert told["problems"] == []
    assert told["load"]["memory"][1]["pss_bytes"] == 810_000_000


def test_all_that_is_wrong_or_lost_is_listed():
    found = everything(
        inputs=[BAD_CASE],
        repeats=[RepeatsResult("full", 100, 3, ["it failed"])],
        load=load(["good, mp3: moved"], ["long, 60 s: 0 outcomes"]),
        growth=growth(1_200_000_000, 200_000_000),
        faults=faults(["recording_07: there is no answer"]),
        attacks=attacks(["lost: mp3: no connection"]),
    )
    assert found.problems == [
        "inputs: bomb, a | b: got an answer",
        "repeats: it failed",
        "repeats: full: got 3 different answers, expected 1",
        "growth: memory grew by 200000000 bytes, expected at most 150000000",
        "growth: shared memory grew by 100000000 bytes, expected at most 64000000",
        "load: good, mp3: moved",
        "load: long, 60 s: 0 outcomes",
        "faults: recording_07: there is no answer",
        "attacks: lost: mp3: no connection",
    ]
    assert report(found)["problems"] == found.problems


def test_no_cell_ends_its_table(tmp_path):
    page = write_folder(tmp_path, everything(inputs=[BAD_CASE]), report(everything()))
    assert "| bomb | a \\| b | refused | &lt;1> | got an answer |" in page


def test_a_phase_that_was_left_out_has_no_section_and_no_picture(tmp_path):
    write_docs(tmp_path, everything(), report(everything()))
    assert (tmp_path / "reliability" / "memory.png").is_file()
    few = Soak(repeats=[RepeatsResult("full", 10, 1, [])])
    write_docs(tmp_path, few, report(few))
    page = (tmp_path / "reliability.md").read_text()
    assert "## Repeats" in page
    assert "## Load" not in page
    assert not (tmp_path / "reliability" / "memory.png").exists()


def test_repeats_count_different_answers():
    texts = iter("aabab")
    asker = PlantedAsker(lambda _: [answer((0, 1, f"SPEAKER_0{int(next(texts) == 'b')}"))])
    assert [each.n_different for each in run_repeats(asker, WHOLE[:100], 2)] == [1, 2]
    (failed, _) = run_repeats(PlantedAsker(lambda _: [refusal()]), WHOLE[:100], 2)
    assert len(failed.problems) == 2


def test_shared_memory_counts_every_mapped_file_once(tmp_path, monkeypatch):
    shared = tmp_path / "shm"
    shared.mkdir()
    (shared / "region").write_bytes(bytes(8192))
    monkeypatch.setattr("measure.soaking.watching.SHARED", f"{shared}/")
    for pid in (1, 2):
        (tmp_path / str(pid)).mkdir()
        line = f"7f00-7f01 rw-s 00000000 00:1a 5 {shared}/region\n"
        other = b"7f02-7f03 r-xp 0 08:01 6 /bin/\xe4\n"
        (tmp_path / str(pid) / "maps").write_bytes(line.encode() * 2 + other)
    assert shared_memory_bytes({1, 2, 3}, tmp_path) == 8192


@pytest.mark.parametrize(
    ("audio", "told"), [("none.wav", "none.wav is missing"), ("short.wav", "expected 30 s")]
)
def test_without_audio_nothing_is_started(tmp_path, audio, told, monkeypatch, capfd):
    monkeypatch.setattr(soak, "own_server", None)  # it would fail
    (tmp_path / "short.wav").write_bytes(encoded(WHOLE[:16_000]))
    code = soak.main(["--audio", str(tmp_path / audio), "--output", str(tmp_path / "out")])
    assert code == 2
    assert told in capfd.readouterr().err

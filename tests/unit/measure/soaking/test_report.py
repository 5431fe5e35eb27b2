"""The findings of a soak on its page and in its JSON; repeats; wrong usage."""

import pytest

from formats.result import Turn
from measure import soak
from measure.soaking.attacks import AttacksResult
from measure.soaking.checks import CaseResult, RepeatsResult, run_repeats
from measure.soaking.faults import Fault, FaultsResult
from measure.soaking.files import encoded
from measure.soaking.load import LoadResult, excess
from measure.soaking.report import Soak, markdown_page, report_of
from unit.measure.soaking.test_judging import answer, refusal
from unit.measure.soaking.test_load import WHOLE, FakeClient

ORIGIN = {
    "date": "2026-01-01", "git": {"commit": "abc", "changed_files": 0},
    "machine": {"cpu": "a CPU", "n_cores": 2, "precision": "fp32", "load_before": 0.1},
}  # fmt: skip
GOOD_CASE = CaseResult("coding", "mp3", "nearly", "OK", "2 speaker(s)", [], 0.1)
BAD_CASE = CaseResult("bomb", "a | b", "refused", "OK", "<1>", ["got an answer"], 0.1)


def load(wrong=(), lost=(), server=()):
    counts = {"good": {"OK": 40, "UNAVAILABLE": 1}, "bad": {"INVALID_ARGUMENT": 9}}
    return LoadResult(16, 7, 60.0, 50, counts, wrong, lost, server, 10**9, 1_010_000_000)


def faults(problems=()):
    fault = Fault("run", 8, 12.5, "ready again after 12.0 s")
    return FaultsResult(50, 50 - len(problems), 100.0, [fault], problems)


def attacks(problems=()):
    counts = {"film that decompresses to hours": {"422": 9, "503": 1}}
    return AttacksResult(600.0, 321, 4, counts, ["ready again after 7.0 s"], problems)


def everything(**changed):
    parts = {
        "inputs": [GOOD_CASE],
        "repeats": [RepeatsResult("full", 100, 1, [])],
        "growth": load(),
        "load": load(),
        "faults": faults(),
        "attacks": attacks(),
    }
    return Soak(**{**parts, **changed})


def report(found):
    return report_of(found, soak.parse_options(["--phases", "load"]), ORIGIN)


def page_of(found):
    return markdown_page(found, report(found))


def test_clean_soak_says_so_and_shows_all_counts():
    page = page_of(everything())
    assert "Nothing was wrong, nothing was lost." in page
    assert "50 requests of 16 clients in 1.0 min" in page
    assert "| good     |   41 |                  0 |   40 |             1 |" in page
    assert "| growth                    |               10 |" in page
    assert "| coding | mp3 | nearly | 2 speaker(s) | yes |" in page
    assert "| run    |              8 |         12.5 | ready again after 12.0 s |" in page
    assert "In the end 50 of 50 recordings had their RTTM" in page
    assert "| film that decompresses to hours |    10 |  422, 503 |      422 |" in page
    assert "321 good requests had their answers" in page
    document = report(everything())
    assert document["problems"] == []
    assert document["load"]["after_bytes"] == 1_010_000_000


def test_all_that_is_wrong_or_lost_is_listed():
    found = everything(
        inputs=[BAD_CASE],
        repeats=[RepeatsResult("full", 100, 3, ["it failed"])],
        load=load(["good, mp3: moved"], ["long, 60 s: 0 outcomes"]),
        growth=load(server=["memory grew by 5 bytes"]),
        faults=faults(["recording_07: there is no answer"]),
        attacks=attacks(["lost: mp3: no connection"]),
    )
    assert found.problems == [
        "inputs: bomb, a | b: got an answer",
        "repeats: it failed",
        "growth: memory grew by 5 bytes",
        "load: good, mp3: moved",
        "load: long, 60 s: 0 outcomes",
        "faults: recording_07: there is no answer",
        "attacks: lost: mp3: no connection",
    ]
    assert report(found)["problems"] == found.problems


def test_bar_in_a_cell_does_not_end_it():
    page = page_of(everything(inputs=[BAD_CASE]))
    assert "| bomb | a \\| b | refused | &lt;1> | got an answer |" in page


def test_phase_that_was_left_out_has_no_section():
    page = page_of(Soak(repeats=[RepeatsResult("full", 10, 1, [])]))
    assert "## Repeats" in page
    assert "## Load" not in page


def test_memory_may_grow_by_15_percent():
    assert excess("memory", 150_000_000, 0.15 * 10**9) == []
    assert excess("memory", 200_000_000, 0.15 * 10**9) == [
        "memory grew by 200000000 bytes, expected at most 150000000"
    ]


def test_repeats_count_different_answers():
    texts = iter("aabab")
    speakers = (f"SPEAKER_0{int(text == 'b')}" for text in texts)
    client = FakeClient(lambda _: [answer(Turn(0, 1000, next(speakers)))])
    same, different = run_repeats(client, WHOLE[:100], 2)
    assert (same.n_different, same.problems) == (1, [])
    assert different.n_different == 2
    assert different.problems == ["classic: got 2 different answers, expected 1"]
    (failed, _) = run_repeats(FakeClient(lambda _: [refusal()]), WHOLE[:100], 2)
    assert len(failed.problems) == 2


@pytest.mark.parametrize(
    ("audio", "message"), [("none.wav", "none.wav is missing"), ("short.wav", "expected 30 s")]
)
def test_without_audio_nothing_is_started(tmp_path, audio, message, monkeypatch, capfd):
    monkeypatch.setattr(soak, "own_server", None)  # it would fail
    (tmp_path / "short.wav").write_bytes(encoded(WHOLE[:16_000]))
    code = soak.main(["--audio", str(tmp_path / audio), "--output", str(tmp_path / "out")])
    assert code == 2
    assert message in capfd.readouterr().err

"""Better, worse, and noise."""

import json

import pytest

from measure.evaluation.compare import (
    SPEAKERS_OFF,
    CompareError,
    changes_text,
    compared,
    differing_options,
    read_report,
)
from measure.evaluation.report import report_of
from unit.evaluation_cases import result, set_of


def report(*sets, **options):
    """A report as it comes back from a JSON file."""
    return json.loads(json.dumps(report_of(sets, options, {})))


def one_set(der, **speakers):
    return set_of("s", result("a", der, **speakers), der=der)


def verdicts(old, new):
    return {change.measure: change.verdict for change in compared(old, new)}


@pytest.mark.parametrize(
    ("new_der", "verdict"),
    [(10.1, "same"), (9.9, "same"), (10.11, "worse"), (9.89, "better"), (10.0, "same")],
)
def test_a_tenth_of_a_point_is_noise(new_der, verdict):
    found = verdicts(report(one_set(10.0)), report(one_set(new_der)))

    assert found == {
        "mean: DER % at 0.25 s": verdict,
        "mean: DER % at 0 s": verdict,
        "s: DER % at 0.25 s": verdict,
        "s: DER % at 0 s": verdict,
        "s a: DER % at 0.25 s": verdict,
        "s a: DER % at 0 s": verdict,
        f"s a: {SPEAKERS_OFF}": "same",
    }


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [("xy", "xyz", "worse"), ("x", "xy", "better"), ("x", "xyz", "same"), ("xyz", "xyzw", "worse")],
)
def test_a_count_of_speakers_nearer_to_the_true_one_is_better(old, new, verdict):
    before, after = (report(one_set(1.0, true="ab", found=found)) for found in (old, new))

    assert verdicts(before, after)[f"s a: {SPEAKERS_OFF}"] == verdict


def test_false_speech_is_compared_by_recording_and_by_set():
    before = report(set_of("n", result("a")))
    after = report(set_of("n", result("a", found="x")))  # 1 s of 10 s

    assert [str(change) for change in compared(before, after)[:2]] == [
        "n: false speech % 0 -> 10 (+10, worse)",
        "n a: false speech % 0 -> 10 (+10, worse)",
    ]


def test_only_what_both_runs_measured_is_compared():
    before = report(set_of("s", result("a", 1.0), result("b", 1.0), der=1.0))
    after = report(set_of("s", result("b", 2.0), result("c", 2.0), der=2.0))

    names = {measure.partition(":")[0] for measure in verdicts(before, after)}
    assert names == {"mean", "s", "s b"}


def test_a_recording_that_failed_has_no_count_to_compare():
    before, after = report(one_set(1.0)), report(set_of("s", result("a", 100.0, failure="no")))

    found = verdicts(before, after)
    assert f"s a: {SPEAKERS_OFF}" not in found
    assert found["s a: DER % at 0.25 s"] == "worse"


def test_means_over_other_sets_are_not_compared():
    before = report(one_set(1.0))
    after = report(one_set(1.0), set_of("t", result("a", 9.0), der=9.0))

    assert all(measure.startswith("s") for measure in verdicts(before, after))


def test_a_set_without_speech_does_not_keep_means_from_being_compared():
    before, after = report(one_set(1.0)), report(one_set(1.0), set_of("n", result("a")))

    assert "mean: DER % at 0 s" in verdicts(before, after)


def test_options_that_differ_are_named():
    before, after = report(mode=None, jobs=4), report(mode="classic", jobs=4)

    assert differing_options(before, after) == ["mode: None -> 'classic'"]


def test_changes_are_listed_worse_ones_first_and_counted():
    old, new = (
        report(set_of("s", result("a", a), result("b", b), result("c", 5.0)), jobs=jobs)
        for a, b, jobs in ((5.0, 5.0, 4), (4.0, 7.5, 1))
    )
    old |= {"date": "2026-01-02", "git": {"commit": "abc"}}

    text = changes_text(old, new)

    assert text.splitlines() == [
        "## Changes since 2026-01-02, commit abc",
        "",
        "2 better, 2 worse, 5 the same, of 9 measures in both runs.",
        "",
        "- not the same option: jobs: 4 -> 1",
        "- s b: DER % at 0.25 s 5 -> 7.5 (+2.5, worse)",
        "- s b: DER % at 0 s 5 -> 7.5 (+2.5, worse)",
        "- s a: DER % at 0.25 s 5 -> 4 (-1, better)",
        "- s a: DER % at 0 s 5 -> 4 (-1, better)",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        ("{", "is not JSON"),
        ("[]", "is not a report"),
        ("{}", "is not a report"),
    ],
)
def test_a_file_that_is_not_a_report_is_refused(content, words, tmp_path):
    path = tmp_path / "old.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(CompareError, match=words):
        read_report(path)


def test_a_report_is_read_back(tmp_path):
    written = report(one_set(1.0), jobs=2)
    (tmp_path / "old.json").write_text(json.dumps(written))

    assert read_report(tmp_path / "old.json") == written

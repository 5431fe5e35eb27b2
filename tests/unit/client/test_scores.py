"""Error rates that can be computed by hand, through the real md-eval.pl."""

import shutil

import pytest

from scoring.scores import Score, Scorer, ScoringError, find_md_eval, parse_report, read_reference


def rttm(*turns, recording_id="a", channel="1"):
    """RTTM of (begin s, end s, speaker) turns."""
    where = f"SPEAKER {recording_id} {channel}"
    return "".join(
        f"{where} {begin:.3f} {end - begin:.3f} <NA> <NA> {name} <NA> <NA>\n"
        for begin, end, name in turns
    )


@pytest.fixture
def scores(tmp_path):
    """A function that scores answers, by id, against the text of a reference file."""

    def run(reference, **answers):
        path = tmp_path / "reference.rttm"
        path.write_text(reference)
        scorer = Scorer(find_md_eval(None), read_reference(path))
        return scorer.scores({name: text.encode() for name, text in answers.items()})

    return run


TWO_TURNS = rttm((0, 10, "anna"), (10, 20, "ben"))


def without_collar(found):
    assert [score.collar_s for score in found] == [0.25, 0.0]
    score = found[1]
    return score.der, score.miss, score.false_alarm, score.confusion


def test_a_perfect_answer_scores_0_whatever_the_names(scores):
    found = scores(TWO_TURNS, a=rttm((0, 10, "SPEAKER_00"), (10, 20, "SPEAKER_01")))

    assert found == [Score(0.25, 0, 0, 0, 0), Score(0.0, 0, 0, 0, 0)]


def test_a_missed_turn_of_half_the_speech_is_50(scores):
    assert without_collar(scores(TWO_TURNS, a=rttm((0, 10, "x")))) == (50, 50, 0, 0)


def test_one_speaker_for_two_is_confusion_of_the_shorter_one(scores):
    reference = rttm((0, 15, "anna"), (15, 20, "ben"))

    assert without_collar(scores(reference, a=rttm((0, 20, "x")))) == (25, 0, 0, 25)


def test_speech_in_a_gap_is_false_alarm(scores):
    reference = rttm((0, 10, "anna"), (12, 22, "anna"))

    assert without_collar(scores(reference, a=rttm((0, 22, "x")))) == (10, 0, 10, 0)


def test_the_collar_forgives_what_lies_within_a_quarter_second(scores):
    found = scores(TWO_TURNS, a=rttm((0.2, 9.8, "x"), (10.2, 20, "y")))

    assert found[0].der == 0
    assert found[1].der == pytest.approx(100 * 0.6 / 20)


SIDES = rttm((0, 10, "anna")) + rttm((8, 18, "ben"), channel="2")
SEPARATE = rttm((0, 10, "CH1_SPEAKER_00")) + rttm((8, 18, "CH2_SPEAKER_00"), channel="2")


def test_separate_channels_are_scored_each_against_its_own(scores):
    exchanged = rttm((8, 18, "CH1_SPEAKER_00")) + rttm((0, 10, "CH2_SPEAKER_00"), channel="2")

    assert without_collar(scores(SIDES, a=SEPARATE)) == (0, 0, 0, 0)
    # What comes before and after a channel's reference is not counted as false alarm.
    assert without_collar(scores(SIDES, a=exchanged)) == (80, 80, 0, 0)


def test_a_mixed_answer_to_a_reference_of_two_channels_misses_the_second(scores):
    assert without_collar(scores(SIDES, a=rttm((0, 10, "x"))))[:2] == (50, 50)


@pytest.mark.parametrize("channel", ["1", "2", "A"])
def test_separate_channels_are_put_together_on_the_one_of_the_reference(scores, channel):
    reference = rttm((0, 10, "anna"), (8, 18, "ben"), channel=channel)

    assert without_collar(scores(reference, a=SEPARATE)) == (0, 0, 0, 0)


def test_an_empty_answer_among_good_ones_counts_as_missed(scores):
    reference = rttm((0, 30, "anna")) + rttm((0, 10, "anna"), recording_id="b")

    found = scores(reference, a=rttm((0, 30, "x")), b="")

    assert without_collar(found) == (25, 25, 0, 0)


def test_ids_beyond_ascii_are_matched(scores):
    reference = rttm((0, 10, "zoë"), recording_id="é.1")

    assert without_collar(scores(reference, **{"é.1": rttm((0, 10, "x"), recording_id="é.1")})) == (
        0, 0, 0, 0,
    )  # fmt: skip


def test_recordings_without_reference_speech_are_named_in_order(tmp_path):
    (tmp_path / "a.rttm").write_text(TWO_TURNS)
    (tmp_path / "hush.rttm").write_text("")
    scorer = Scorer(find_md_eval(None), read_reference(tmp_path))

    assert scorer.without_reference(["z", "a", "hush"]) == ["z", "hush"]
    assert scorer.with_reference(["z", "a", "hush"]) == ["a"]


def test_nothing_to_score_is_reported_in_one_sentence(scores):
    with pytest.raises(ScoringError, match="no recording of this run has speech"):
        scores(TWO_TURNS, b=rttm((0, 1, "x"), recording_id="b"))


def test_speech_all_within_the_collar_is_reported_in_one_sentence(scores):
    reference = rttm((0, 0.4, "anna"))

    with pytest.raises(ScoringError, match=r"no reference speech is left .* collar 0\.25 s"):
        scores(reference, a=reference)


def test_errors_of_md_eval_are_passed_on(scores):
    with pytest.raises(ScoringError, match="unknown RTTM data type"):
        scores(TWO_TURNS + TWO_TURNS.replace("SPEAKER", "SPEAKR"), a="")


@pytest.mark.parametrize(
    "line", ["SPEAKER a 1 0.0", "SPEAKER a 1 x 1.0 <NA> <NA> s <NA> <NA>", "hello"]
)
def test_a_line_that_is_not_rttm_is_named(line, tmp_path):
    path = tmp_path / "reference.rttm"
    path.write_text(f";; comment\n{TWO_TURNS}{line}\n")

    with pytest.raises(ScoringError, match=r"reference\.rttm line 4: expected RTTM"):
        read_reference(path)


def test_a_folder_is_read_as_all_its_rttm_files(tmp_path):
    (tmp_path / "a.rttm").write_text(TWO_TURNS)
    (tmp_path / "b.rttm").write_text("\ufeff" + rttm((0, 1, "x"), recording_id="b") + "\r\n\n")
    (tmp_path / "notes.txt").write_text("no RTTM")

    reference = read_reference(tmp_path)

    assert {name: len(lines) for name, lines in reference.items()} == {"a": 2, "b": 1}


def test_one_recording_in_two_files_is_refused(tmp_path):
    (tmp_path / "a.rttm").write_text(TWO_TURNS)
    (tmp_path / "all.rttm").write_text(TWO_TURNS)

    with pytest.raises(ScoringError, match=r"a\.rttm and .*all\.rttm hold a reference of 'a'"):
        read_reference(tmp_path)


@pytest.mark.parametrize(("make", "words"), [(True, r"holds no \*\.rttm"), (False, "No such file")])
def test_a_missing_reference_is_reported_in_one_sentence(make, words, tmp_path):
    if make:
        (tmp_path / "ref").mkdir()

    with pytest.raises(ScoringError, match=words):
        read_reference(tmp_path / "ref")


def test_a_report_without_the_overall_line_is_no_score():
    with pytest.raises(ScoringError, match="no overall"):
        parse_report("MISSED SPEAKER TIME = 1.00 secs", 0.0)


def test_the_scorer_given_comes_before_the_environments(tmp_path, monkeypatch):
    given, named = tmp_path / "given.pl", tmp_path / "named.pl"
    given.touch()
    named.touch()
    monkeypatch.setenv("MD_EVAL", str(named))

    assert find_md_eval(str(given)) == given
    assert find_md_eval(None) == named


def test_a_named_scorer_must_exist(tmp_path):
    with pytest.raises(ScoringError, match=r"--md_eval names .*absent\.pl"):
        find_md_eval(str(tmp_path / "absent.pl"))


def test_without_the_scorer_the_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.delenv("MD_EVAL", raising=False)
    monkeypatch.setattr("scoring.scores._IN_THIS_PROJECT", tmp_path / "absent.pl")
    monkeypatch.setattr("scoring.scores._IN_DEBIAN", tmp_path / "absent.pl")
    (tmp_path / "perl").symlink_to(shutil.which("perl"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ScoringError, match=r"external_tools/fetch\.sh"):
        find_md_eval(None)


def test_without_perl_the_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ScoringError, match="needs perl"):
        find_md_eval(None)

"""Errors of planted cosines, and excerpts of a recording."""

import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from formats.result import Turn
from inputs.recordings import Recording
from measure.kit.corpus import sets_below
from measure.voice_measuring.excerpts import Excerpt, Person, cut
from measure.voice_measuring.hearing import HeardVoice, Hearing, Talk
from measure.voice_measuring.page import condition_table, threshold_table
from measure.voice_measuring.trials import (
    MISSED,
    OTHER_HALF,
    OTHER_RECORDING,
    RIGHT,
    UNKNOWN_LEFT,
    UNKNOWN_NAMED,
    Trials,
    links,
    name_counts,
    several_recordings,
    trials,
)
from unit.evaluation_cases import rttm
from unit.planted_voices import direction
from voices.speakers import Speakers

ANA, BEN, CARA = Person("Ana"), Person("Ben"), Person("Cara")
X, Y, Z = np.eye(3, dtype=np.float32)
RATE_HZ = 16_000


def excerpt(source, part="whole", alone=None, length_s=8.0):
    return Excerpt(Recording(source, source), ("sim", source), part, (), alone, length_s)


def enrolled(who, source, centroid, part="whole"):
    return HeardVoice(who, excerpt(source, part, who), centroid, 8.0)


def found(who, source, centroid, part="whole", speech_s=10.0):
    return HeardVoice(who, excerpt(source, part), centroid, speech_s)


def test_names_of_one_recording_may_be_one_person_in_another():
    here, there = Person("A", "phone", "call-1"), Person("A", "phone", "call-2")

    assert here != there
    assert not here.known_apart(there)
    assert here.known_apart(Person("B", "phone", "call-1"))
    assert here.known_apart(Person("A", "radio", "talk"))
    assert here.known_apart(ANA)
    assert ANA.known_apart(BEN)
    assert excerpt("other").person("Ana") == ANA
    assert replace(excerpt("call-1"), local_names=True).person("A") == Person("A", "sim", "call-1")


def test_trials_of_another_recording_exclude_the_same_one():
    hearing = Hearing(
        [enrolled(ANA, "r1", X), enrolled(BEN, "r1", Y), enrolled(BEN, "r1", Y, part="first")],
        [found(ANA, "r1", X), found(ANA, "r2", direction(4, 3, 0)), found(CARA, "r1", Z)],
    )

    made = trials(hearing, 8.0, OTHER_RECORDING)

    assert made.genuine == pytest.approx([0.8])  # Ana in r2; in r1 she was enrolled herself
    assert sorted(made.impostor) == pytest.approx([0, 0, 0, 0.6])
    assert made.together.sum() == 3  # Ben with Ana and Cara, Ana with Cara, in r1
    assert made.n_people == 1


def test_trials_of_the_other_half_stay_in_the_recording():
    hearing = Hearing(
        [enrolled(ANA, "r1", X, "first")],
        [found(ANA, "r1", X, "second"), found(ANA, "r2", X, "second"), found(BEN, "r2", Y)],
    )

    made = trials(hearing, 8.0, OTHER_HALF)

    assert made.genuine == pytest.approx([1.0])
    assert len(made.impostor) == 0


def test_the_equal_error_is_where_both_rates_are_nearest():
    made = Trials(
        np.array([0.4, 0.5, 0.9]), np.zeros(3), np.array([0.1, 0.5, 0.6, 0.2]),
        np.array([False, True, False, False]), 2,
    )  # fmt: skip

    assert made.equal_error() == (pytest.approx((1 / 3 + 1 / 2) / 2), 0.5)


def talk(source, *speakers):
    """A whole recording with these (person, centroid)."""
    names = [f"SPEAKER_{n:02d}" for n in range(len(speakers))]
    rows = np.stack([centroid for _, centroid in speakers])
    people = [who for who, _ in speakers]
    return Talk(excerpt(source), Speakers(names, rows, "campplus"), people)


@pytest.fixture
def hearing():
    """Ana talks in three recordings, Ben in two, like Ana in one of them; Cara in one."""
    near_ana = direction(4, 3, 0)
    talks = [
        talk("r1", (ANA, X), (BEN, Y), (None, Z)),
        talk("r2", (ANA, X), (BEN, near_ana)),
        talk("r3", (ANA, direction(9, 0, 4)), (CARA, Z)),
    ]
    return Hearing(
        enrolled=[enrolled(ANA, "r1", X), enrolled(ANA, "r2", X), enrolled(BEN, "r1", Y)],
        found=[
            found(who, piece.place[1], row)
            for piece, speakers, people in talks
            for who, row in zip(people, speakers.centroids, strict=True)
            if who
        ],
        talks=talks,
    )


def test_names_are_counted_by_result(hearing):
    # r1: of other recordings Ana is enrolled, Ben is not. r2: Ben's cosine is 0.6. r3: Cara is not.
    assert name_counts(hearing, 8.0, 0.55) == {RIGHT: 4, UNKNOWN_LEFT: 2}
    assert name_counts(hearing, 8.0, 0.7) == {RIGHT: 3, MISSED: 1, UNKNOWN_LEFT: 2}
    assert name_counts(hearing, 8.0, -0.9)[UNKNOWN_NAMED] == 1
    assert name_counts(hearing, 4.0, 0.55) == {UNKNOWN_LEFT: 6}


def test_several_recordings_are_scored_in_three_ways(hearing):
    scores = several_recordings(hearing, 8.0)

    # Only in r3 are there two recordings of Ana from elsewhere.
    assert [len(genuine) for genuine, _ in scores.values()] == [1, 1, 1]
    assert [impostor for _, impostor in scores.values()] == [[0.0], [0.0], [0.0]]
    assert scores["mean direction"][0] == pytest.approx([9 / np.sqrt(97)])


def test_links_are_counted_by_pairs(hearing):
    (counts,) = links(hearing, 0.85).values()

    assert (counts.n_recordings, counts.n_people, counts.n_voices) == (3, 3, 4)
    assert (len(counts.same), sum(counts.same)) == (4, 3)  # three of Ana, one of Ben
    assert (len(counts.different), sum(counts.different)) == (8, 0)


def test_tables_leave_out_conditions_without_trials(hearing):
    table = condition_table(hearing, 0.55)

    assert table.count("| another recording |") == 1
    assert "the other half" not in table


def test_errors_are_counted_at_each_threshold(hearing):
    rows = [re.sub(" +", " ", row) for row in threshold_table(hearing).splitlines()]

    # Of 5 genuine trials Ben's is at 0.6. Of 10 impostor trials Ana's against Ben in r2 are at
    # 0.8: one of the 3 recorded together, and one of another recording.
    assert "| 0.55 | 0.00 % | 20.00 % | 33.33 % | - | - | - |" in rows
    assert "| 0.65 | 20.00 % | 20.00 % | 33.33 % | - | - | - |" in rows


def test_excerpts_of_one_person_have_no_overlap(tmp_path):
    ramp = np.arange(20 * RATE_HZ) / (20 * RATE_HZ)  # the sample's value is its time
    (tmp_path / "sim").mkdir()
    soundfile.write(tmp_path / "sim" / "r1.wav", ramp, RATE_HZ, subtype="PCM_16")
    talk = rttm("r1", (0, 6, "a"), (4, 11, "b"), (11, 15, "a"))
    (tmp_path / "sim" / "r1.rttm").write_text(talk)
    (sim,) = sets_below(tmp_path)
    out = tmp_path / "out"
    out.mkdir()

    pieces = {piece.recording.recording_id: piece for piece in cut(sim, out, False)}

    # a says eight seconds alone, four of them in the first half; b says five, and four.
    assert sorted(pieces) == [
        "sim-r1-first", "sim-r1-first-0-4", "sim-r1-first-1-4", "sim-r1-second", "sim-r1-whole",
        "sim-r1-whole-0-4", "sim-r1-whole-0-8", "sim-r1-whole-1-4",
    ]  # fmt: skip
    samples, _ = soundfile.read(out / "sim-r1-whole-0-8.wav")
    assert len(samples) == 8 * RATE_HZ
    at_s = samples[[0, 4 * RATE_HZ - 1, 4 * RATE_HZ, -1]] * 20
    assert at_s == pytest.approx([0, 4, 11, 15], abs=0.002)
    assert soundfile.read(out / "sim-r1-whole-1-4.wav")[0][0] * 20 == pytest.approx(6, abs=0.002)
    assert pieces["sim-r1-second"].turns[-1] == Turn(1000, 5000, "a")
    assert pieces["sim-r1-whole-0-8"].alone == Person("a")

"""Long recordings made of short ones."""

import numpy as np
import pytest
import soundfile

from formats.result import Turn, speakers_of
from formats.rttm import turns_of
from measure import lengthen
from measure.kit.turns import covered_ms
from unit.evaluation_cases import rttm
from unit.made_audio import tone

RATE_HZ = 16_000
TURNS = {"a": [(1, 7, "anna"), (8, 14, "ben")], "b": [(2, 9, "anna"), (10, 16, "carl")]}


@pytest.fixture
def sets(tmp_path):
    folder = tmp_path / "sets" / "calls"
    folder.mkdir(parents=True)
    for name, turns in TURNS.items():
        wave = np.zeros(17 * RATE_HZ, np.float32)
        for begin, end, _ in turns:
            wave[begin * RATE_HZ : end * RATE_HZ] = tone(end - begin)
        soundfile.write(folder / f"{name}.wav", wave, RATE_HZ)
        (folder / f"{name}.rttm").write_text(rttm(name, *turns))
    return folder.parent


def made(sets, set_name, *flags, stem=None, target="long"):
    folder = sets.with_name(target)
    assert lengthen.main([str(sets), str(folder), "--sets", set_name, *flags]) == 0
    (file,) = (folder / set_name).glob(f"{stem or set_name}*.flac")
    wave, rate_hz = soundfile.read(file, dtype="float32")
    assert rate_hz == RATE_HZ
    return wave, turns_of(file.with_suffix(".rttm").read_text().splitlines())


def levels(wave, turns):
    """Root mean square inside the turns, and outside."""
    inside = np.zeros(len(wave), bool)
    for turn in turns:
        inside[16 * turn.start_ms : 16 * turn.end_ms] = True
    return [np.sqrt(np.mean(wave[part] ** 2)) for part in (inside, ~inside)]


def test_recordings_are_repeated_up_to_the_length(sets):
    wave, turns = made(sets, "joined", "--minutes", "1")

    assert len(wave) == 4 * 17 * RATE_HZ
    inside, outside = levels(wave, turns)
    assert inside > 0.3
    assert outside == 0
    assert set(speakers_of(turns)) == {
        "calls-a-anna", "calls-a-ben", "calls-b-anna", "calls-b-carl",
    }  # fmt: skip


def test_a_shared_name_is_one_voice(sets):
    _, turns = made(sets, "joined", "--minutes", "1", "--shared_names", "calls")

    assert set(speakers_of(turns)) == {"calls-anna", "calls-ben", "calls-carl"}


@pytest.mark.parametrize(("flags", "n_recordings"), [((), 2), (("--shared_names", "calls"), 1)])
def test_joined_new_repeats_no_voice(flags, n_recordings, sets, capsys):
    wave, _ = made(sets, "joined_new", "--minutes", "1", *flags)

    assert len(wave) == n_recordings * 17 * RATE_HZ
    assert "no new voices are left" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("set_name", "n_speakers"), [("meeting", 4), ("monologue", 1), ("crowd", 4)]
)
def test_speech_is_where_the_reference_has_turns(set_name, n_speakers, sets, monkeypatch):
    monkeypatch.setitem(lengthen.SPOKEN_MINUTES, set_name, (3,))
    monkeypatch.setitem(lengthen.CROWDS, 3, 20)

    wave, turns = made(sets, set_name)

    inside, outside = levels(wave, turns)
    assert len(wave) >= 180 * RATE_HZ
    assert inside > 0.04
    assert outside < 0.005
    assert len(speakers_of(turns)) == n_speakers


def test_a_crowd_of_too_few_speakers_is_reported(sets, monkeypatch, capsys):
    monkeypatch.setitem(lengthen.SPOKEN_MINUTES, "crowd", (1,))
    monkeypatch.setitem(lengthen.CROWDS, 1, 20)

    made(sets, "crowd")

    assert "expected 20 speakers, the source has 4" in capsys.readouterr().out


def test_a_crowd_has_five_main_speakers_and_brief_ones():
    names = [f"v{n}" for n in range(12)]

    turns = lengthen.crowd_turns(names, [4000, 8000], 600_000, np.random.default_rng(0))

    said_ms = {
        name: sum(t.end_ms - t.start_ms for t in turns if t.speaker == name) for name in names
    }
    assert min(said_ms[name] for name in names[:5]) > 40_000
    assert all(4990 <= said_ms[name] <= 15_000 for name in names[5:])  # turns are cut to 1 ms
    assert all(1500 <= t.end_ms - t.start_ms <= 6000 for t in turns if t.speaker in names[5:])
    assert covered_ms(turns) > 500_000


def test_a_meeting_has_the_timing_of_its_references():
    timing = [Turn(5000, 7000, "x"), Turn(6000, 9000, "y")]

    turns = lengthen.meeting_turns([timing], ["a", "b", "c"], 60_000, np.random.default_rng(0))

    first, second = turns[:2]
    assert [(t.start_ms, t.end_ms) for t in (first, second)] == [(0, 2000), (1000, 4000)]
    assert first.speaker != second.speaker
    assert set(speakers_of(turns)) == {"a", "b", "c"}


def test_the_seed_decides(sets):
    flags = ("--minutes", "3")
    (one, _), (same, _), (other, _) = (
        made(sets, "joined", *flags, "--seed", seed, target=name)
        for seed, name in (("0", "x"), ("0", "y"), ("5", "z"))
    )

    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_another_rate_and_channels_become_16_khz_mono(sets):
    path = sets / "calls" / "a.wav"
    wave, _ = soundfile.read(path)
    soundfile.write(path, np.repeat(np.stack([wave, wave], axis=1), 3, axis=0), 48_000)

    wave, turns = made(sets, "joined", "--minutes", "1")

    assert len(wave) == 4 * 17 * RATE_HZ
    assert levels(wave, turns)[0] > 0.3


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--shared_names", "talks"), "there is no set 'talks'"),
        (("--sets", "crowd"), "talks alone"),
    ],
)
def test_unusable_sets_are_reported_in_one_sentence(flags, words, sets, capsys):
    for name in TURNS:
        (sets / "calls" / f"{name}.rttm").write_text(rttm(name, (1, 3, "x")))

    assert lengthen.main([str(sets), str(sets.with_name("long")), *flags]) == 1
    assert words in capsys.readouterr().err


def test_an_existing_target_is_refused(sets, capsys):
    with pytest.raises(SystemExit):
        lengthen.main([str(sets), str(sets)])

    assert "exists already" in capsys.readouterr().err

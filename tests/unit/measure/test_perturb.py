"""Perturbed copies of evaluation sets."""

import numpy as np
import pytest
import soundfile

from measure import perturb
from unit.evaluation_cases import rttm

RATE_HZ = 16_000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(3 * RATE_HZ) / RATE_HZ)).astype(np.float32)


@pytest.fixture
def sets(tmp_path):
    folder = tmp_path / "sets" / "calls"
    folder.mkdir(parents=True)
    soundfile.write(folder / "a.wav", TONE, RATE_HZ)
    (folder / "a.rttm").write_text(rttm("a", (0.5, 1.0, "anna"), (1.0, 2.5, "ben")))
    return folder.parent


def copied(sets, *flags):
    target = sets.with_name("copy")
    assert perturb.main([str(sets), str(target), *flags]) == 0
    samples, _ = soundfile.read(target / "calls" / "a.flac", dtype="float32")
    return samples, (target / "calls" / "a.rttm").read_text()


def test_without_options_samples_and_turns_are_unchanged(sets):
    samples, turns = copied(sets)

    assert np.allclose(samples, TONE, atol=1 / 32768)
    assert turns == (sets / "calls" / "a.rttm").read_text()


def test_a_gain_changes_the_level_only(sets):
    samples, _ = copied(sets, "--gain_db=-20")

    assert np.allclose(samples, TONE / 10, atol=1 / 32768)


def test_noise_has_the_requested_distance(sets):
    samples, _ = copied(sets, "--snr_db=20")

    assert np.mean((samples - TONE) ** 2) == pytest.approx(np.mean(TONE**2) / 100, rel=0.02)


def test_a_cut_moves_turns_and_drops_those_before_it(sets):
    samples, turns = copied(sets, "--cut_s=1.25")

    assert np.allclose(samples, TONE[20_000:], atol=1 / 32768)
    assert turns == "SPEAKER a 1 0.000 1.250 <NA> <NA> ben <NA> <NA>\n"


def test_the_same_recording_gets_the_same_noise():
    one, other = (perturb.perturbed(TONE, 0.0, 10.0) for _ in range(2))

    assert np.array_equal(one, other)


def test_an_existing_target_is_refused(sets, capsys):
    with pytest.raises(SystemExit) as ended:
        perturb.main([str(sets), str(sets)])

    assert ended.value.code == 2
    assert "exists already" in capsys.readouterr().err


def test_a_folder_without_audio_is_named(tmp_path, capsys):
    assert perturb.main([str(tmp_path), str(tmp_path / "copy")]) == 1
    assert "no sub-folder" in capsys.readouterr().err

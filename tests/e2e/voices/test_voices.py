"""Enrolment, recognition and linking with the real server."""

import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from e2e.calls import run_client
from e2e.voice_recordings import RATE_HZ, alone
from formats.rttm import rttm_text, turns_of
from measure.kit.turns import moved
from server.triton_server import ROOT

ENROL = ROOT / "client" / "enroll.py"
SPLIT_S = 18.0  # of the sample: until here each of them has said enough alone
MOST = 0.8  # of what a person says
ANA, BEN = "speaker90", "speaker91"

pytestmark = pytest.mark.triton


def run_enrol(server, voices, *arguments):
    command = [sys.executable, ENROL, f"--url={server.url}", f"--voices={voices}", *arguments]
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, timeout=280
    )


@dataclass(frozen=True)
class Talk:
    """Recordings of two people, made of the sample.

    `folder` has ana.wav and ben.wav, what each of them says alone in its first part; and talk.wav,
    its second part, with `reference`.
    """

    folder: Path
    reference: Path


@pytest.fixture(scope="module")
def talk(sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("talk")
    reference = sample.with_suffix(".rttm")
    for name, file in ((ANA, "ana.wav"), (BEN, "ben.wav")):
        soundfile.write(folder / file, alone(sample, reference, name, end_s=SPLIT_S), RATE_HZ)
    samples, _ = soundfile.read(sample, dtype="float32")
    soundfile.write(folder / "talk.wav", samples[round(SPLIT_S * RATE_HZ) :], RATE_HZ)
    soundfile.write(folder / "silence.wav", np.zeros(5 * RATE_HZ, np.float32), RATE_HZ)
    turns = turns_of(reference.read_text().splitlines())
    later = [turn for turn in turns if turn.start_ms >= 1000 * SPLIT_S]
    text = rttm_text("talk", moved(later, -round(1000 * SPLIT_S)))
    (folder / "talk.rttm").write_text(text)
    return Talk(folder, folder / "talk.rttm")


@pytest.fixture
def voices(tmp_path):
    return tmp_path / "voices.db"


def names_of(rttm, reference):
    """By person of the reference: the name given to most of the person's speech."""
    shared_ms = Counter()
    for found in turns_of(rttm.read_text().splitlines()):
        for true in turns_of(reference.read_text().splitlines()):
            both_ms = min(found.end_ms, true.end_ms) - max(found.start_ms, true.start_ms)
            shared_ms[true.speaker, found.speaker] += max(both_ms, 0)
    names = {}
    for person in {person for person, _ in shared_ms}:
        own = {name: length_ms for (who, name), length_ms in shared_ms.items() if who == person}
        best = max(own, key=own.get)
        assert own[best] > MOST * sum(own.values()), own
        names[person] = best
    return names


def test_enrolled_people_are_named_in_later_speech(server, talk, voices, tmp_path):
    for name in ("Ana", "Ben"):
        done = run_enrol(server, voices, f"--name={name}", talk.folder / f"{name.lower()}.wav")
        assert done.returncode == 0, done.stderr

    done = run_client(
        server, f"--audio_file={talk.folder / 'talk.wav'}", f"--output_directory={tmp_path}",
        f"--voices={voices}", "--num_speakers=2",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert names_of(tmp_path / "rttm_talk", talk.reference) == {ANA: "Ana", BEN: "Ben"}


def test_an_enrolled_person_is_named_while_speaking_and_in_the_result(
    server, talk, voices, tmp_path
):
    samples, _ = soundfile.read(talk.folder / "talk.wav", dtype="int16")
    long_talk = tmp_path / "talk.wav"
    soundfile.write(long_talk, np.tile(samples, 3), RATE_HZ)
    run_enrol(server, voices, "--name=Ben", talk.folder / "ben.wav")

    asked = [f"--voices={voices}", "--num_speakers=2", "--output_directory"]
    live = run_client(server, "--stream", long_talk, "--pace=0", *asked, tmp_path / "live")
    whole = run_client(server, "--audio_file", long_talk, *asked, tmp_path / "whole")

    assert live.returncode == whole.returncode == 0, live.stderr
    rttms = [(tmp_path / name / "rttm_talk").read_text() for name in ("live", "whole")]
    assert rttms[0] == rttms[1]
    assert {line.split()[7] for line in rttms[0].splitlines()} == {"Ben", "SPEAKER_00"}
    turns = [line.split() for line in live.stdout.splitlines() if " - " in line]
    assert "Ben" in {name for *_, name in turns[: len(turns) // 2]}


def test_a_speaker_who_is_not_enrolled_keeps_a_number(server, talk, voices, tmp_path):
    run_enrol(server, voices, "--name=Ana", talk.folder / "ana.wav")

    done = run_client(
        server, f"--audio_file={talk.folder / 'talk.wav'}", f"--output_directory={tmp_path}",
        f"--voices={voices}", "--num_speakers=2",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    names = names_of(tmp_path / "rttm_talk", talk.reference)
    assert names[ANA] == "Ana"
    assert names[BEN].startswith("SPEAKER_")


def test_each_side_of_a_call_has_its_name(server, talk, voices, tmp_path):
    sides = [soundfile.read(talk.folder / f"{name}.wav")[0] for name in ("ben", "ana")]
    length = max(map(len, sides))
    call = np.stack([np.pad(side, (0, length - len(side))) for side in sides], axis=1)
    soundfile.write(tmp_path / "call.wav", call, RATE_HZ)
    run_enrol(server, voices, "--name=Ana", talk.folder / "ana.wav")

    done = run_client(
        server, f"--audio_file={tmp_path / 'call.wav'}", f"--output_directory={tmp_path / 'out'}",
        f"--voices={voices}", "--channels=separate", "--num_speakers=1",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in (tmp_path / "out" / "rttm_call").read_text().splitlines()]
    assert {(row[2], row[7]) for row in rows} == {("1", "CH1_SPEAKER_00"), ("2", "Ana")}


@pytest.mark.parametrize(
    ("recording", "words"),
    [
        ("talk.wav", " people, expected one: beside the one who talks most, others talk for "),
        ("silence.wav", "got no speech, expected at least 3 s"),
    ],
)
def test_recordings_without_one_voice_are_refused(recording, words, server, talk, voices):
    done = run_enrol(server, voices, "--name=Ana", talk.folder / recording)

    assert done.returncode == 1
    assert words in done.stderr
    assert not voices.exists()


def test_linked_recordings_share_their_names(server, sample, talk, tmp_path):
    (tmp_path / "wav.scp").write_text(
        f"whole {sample}\nana {talk.folder / 'ana.wav'}\nben {talk.folder / 'ben.wav'}\n"
    )

    done = run_client(
        server, f"--wavscp={tmp_path / 'wav.scp'}", f"--output_directory={tmp_path / 'out'}",
        "--link_speakers",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    names = names_of(tmp_path / "out" / "rttm_whole", sample.with_suffix(".rttm"))
    assert names == {ANA: "VOICE_000", BEN: "VOICE_001"}
    for person, file in ((ANA, "rttm_ana"), (BEN, "rttm_ben")):
        turns = turns_of((tmp_path / "out" / file).read_text().splitlines())
        assert {turn.speaker for turn in turns} == {names[person]}


@pytest.mark.slow
def test_people_of_one_simulated_talk_are_named_in_the_next_one_and_others_are_not(
    server, simulated, voices, tmp_path
):
    first, later = simulated / "d04", simulated / "d05"
    enrolled = ("o1688", "o3080")  # o1688 talks in both, o2033 and o367 in the later one alone
    for speaker in enrolled:
        samples = alone(first.with_suffix(".flac"), first.with_suffix(".rttm"), speaker)
        soundfile.write(tmp_path / f"{speaker}.wav", samples, RATE_HZ)
        done = run_enrol(server, voices, f"--name={speaker}", tmp_path / f"{speaker}.wav")
        assert done.returncode == 0, done.stderr

    done = run_client(
        server, f"--audio_file={later.with_suffix('.flac')}", f"--output_directory={tmp_path}",
        f"--voices={voices}",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    names = names_of(tmp_path / "rttm_d05", later.with_suffix(".rttm"))
    assert names.pop("o1688") == "o1688"
    assert len(names) == 2
    assert all(name.startswith("SPEAKER_") for name in names.values())

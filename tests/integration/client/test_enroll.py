"""enroll.py against a server that speaks Triton's protocol: what is enrolled, refused, printed."""

import os
import re
import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest

import client
import enroll
from integration.client_fake_server import RefusalError
from integration.planted_answers import answering
from voices.store import VoiceStore

X, Y, Z = np.eye(3)
ONE = [("SPEAKER_00", X)]
TWO = [("SPEAKER_00", X), ("SPEAKER_01", Y)]
IN_PIECES = [("SPEAKER_00", X), ("SPEAKER_01", X + 0.3 * Y)]


@pytest.fixture
def store(tmp_path):
    return VoiceStore(tmp_path / "voices.db")


def run(server, store, *args):
    return enroll.main(["--url", server.url, "--voices", str(store.path), *map(str, args)])


def by_length(people, **more):
    """A reply chosen by the size of the audio, since ids of enrolment contain no name."""

    def reply(call):
        return answering({"voice": people[len(call.audio)]}, **more)(call)

    return reply


def test_a_voice_is_stored_with_its_origin(triton, wav, store, capfd):
    triton.reply = answering({"voice": [("SPEAKER_00", 3 * X + 4 * Y)]}, turn_s=6.0)
    path = wav("ana.wav")

    code = run(triton, store, "--name=Ana María", path)

    (kept,) = store.voices()
    err = capfd.readouterr().err
    assert code == 0
    assert (kept.name, kept.network) == ("Ana_María", "campplus")
    np.testing.assert_allclose(kept.centroid, [0.6, 0.8, 0], atol=1e-7)
    assert kept.origin.file_name == "ana.wav"
    assert kept.origin.audio_sha256 == sha256(path.read_bytes()).hexdigest()
    assert (kept.origin.speech_s, kept.origin.model_name, kept.origin.mode) == (6.0, "run", "full")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", kept.origin.enrolled_at)
    assert "'Ana María' becomes Ana_María" in err
    assert "Ana_María: enrolled, ana.wav, 6.0 s of speech" in err


def test_the_client_uses_the_enrolled_name(triton, wav, store, capfd):
    triton.reply = answering({"voice": ONE, "talk": TWO}, turn_s=6.0)
    run(triton, store, "--name=Ana", wav("ana.wav"))
    capfd.readouterr()

    asking = ["--url", triton.url, "--audio_file", wav("talk.wav"), "--voices", store.path]
    assert client.main(list(map(str, asking))) == 0

    assert [line.split()[7] for line in capfd.readouterr().out.splitlines()] == [
        "Ana",
        "SPEAKER_01",
    ]


def test_the_number_of_speakers_is_left_to_the_service(triton, wav, store):
    triton.reply = answering({"voice": ONE}, turn_s=6.0)

    run(triton, store, "--name=Ana", "--mode=classic", wav("ana.wav"))

    (call,) = triton.calls
    assert call.parameters == {"mode": "classic"}
    assert set(call.outputs) == {"RTTM", "INFO", "LABELS", "EMBEDDINGS"}


def test_a_recording_of_several_people_is_refused(triton, wav, store, capfd):
    triton.reply = answering({"voice": TWO}, turn_s=6.0)

    code = run(triton, store, "--name=Ana", wav("talk.wav"))

    assert code == 1
    assert not store.path.exists()
    assert "got 2 people, expected one: beside the one who talks most, others talk for 6.0 s" in (
        capfd.readouterr().err
    )


def test_one_voice_in_two_pieces_is_requested_again_as_one(triton, wav, store, capfd):
    pieces, whole = answering({"voice": IN_PIECES}, turn_s=6.0), answering({"voice": ONE}, turn_s=9)
    triton.reply = lambda call: (whole if call.parameters else pieces)(call)

    assert run(triton, store, "--name=Ana", wav("ana.wav")) == 0

    assert [call.parameters for call in triton.calls] == [{}, {"num_speakers": 1}]
    np.testing.assert_array_equal(store.voices()[0].centroid, X)
    assert "got 2 speakers, whose voices are alike by a cosine of 0.96: taken for one person" in (
        capfd.readouterr().err
    )


def test_force_accepts_it_as_one_voice(triton, wav, store):
    triton.reply = answering({"voice": ONE}, turn_s=6.0)

    assert run(triton, store, "--name=Ana", "--force", wav("ana.wav")) == 0
    assert [call.parameters for call in triton.calls] == [{"num_speakers": 1}]


@pytest.mark.parametrize(
    ("people", "words"),
    [([], "got no speech, expected at least 3 s"), (ONE, "got 2.900 s of speech, expected at")],
)
def test_a_recording_with_too_little_speech_is_refused(people, words, triton, wav, store, capfd):
    triton.reply = answering({"voice": people}, turn_s=2.9)

    assert run(triton, store, "--name=Ana", wav("ana.wav")) == 1
    assert not store.path.exists()
    assert words in capfd.readouterr().err


def test_several_recordings_are_stored_all_or_none(triton, wav, store, capfd):
    paths = [wav("1.wav", 1000), wav("2.wav", 2000)]
    n_bytes = [path.stat().st_size for path in paths]

    triton.reply = by_length(dict(zip(n_bytes, [ONE, TWO], strict=True)), turn_s=6.0)
    assert run(triton, store, "--name=Ana", *paths) == 1
    assert not store.path.exists()

    triton.reply = by_length(
        dict(zip(n_bytes, [ONE, [("SPEAKER_00", X + Y)]], strict=True)), turn_s=6.0
    )
    assert run(triton, store, "--name=Ana", *paths) == 0
    assert [voice.origin.file_name for voice in store.voices()] == ["1.wav", "2.wav"]


def test_a_recording_unlike_the_others_of_its_name_is_refused(triton, wav, store, capfd):
    triton.reply = answering({"voice": ONE}, turn_s=6.0)
    run(triton, store, "--name=Ana", wav("1.wav", 1000))
    triton.reply = answering({"voice": [("SPEAKER_00", 0.3 * X + Y)]}, turn_s=6.0)

    assert run(triton, store, "--name=Ana", wav("2.wav", 2000)) == 1
    assert "2.wav: got a voice that is like no other recording of Ana, with a cosine of 0.29" in (
        capfd.readouterr().err
    )
    assert run(triton, store, "--name=Ana", "--force", wav("2.wav", 2000)) == 0
    assert len(store.voices()) == 2
    assert run(triton, store, "--name=Ana", "--replace", wav("3.wav", 3000)) == 0
    assert [voice.origin.file_name for voice in store.voices()] == ["3.wav"]


def test_a_recording_given_twice_is_not_compared_with_itself(triton, wav, store, capfd):
    triton.reply = answering({"voice": ONE}, turn_s=6.0)
    run(triton, store, "--name=Ana", wav("1.wav", 1000), wav("1.wav", 1000))
    assert capfd.readouterr().err.count("enrolled") == 1
    triton.reply = answering({"voice": [("SPEAKER_00", Y)]}, turn_s=6.0)
    again = wav("copy.wav", 2000)

    assert run(triton, store, "--name=Ana", wav("2.wav", 2000), again) == 1
    assert "2.wav: got a voice that is like no other recording of Ana" in capfd.readouterr().err


def test_a_voice_similar_to_another_persons_is_stored_with_a_warning(triton, wav, store, capfd):
    triton.reply = answering({"voice": ONE}, turn_s=6.0)
    run(triton, store, "--name=Ana", wav("1.wav", 1000))

    assert run(triton, store, "--name=Twin", wav("2.wav", 2000)) == 0
    assert "2.wav sounds like Ana, who is also enrolled" in capfd.readouterr().err


def test_enrolled_people_are_listed_and_removed(triton, wav, store, capfd):
    triton.reply = answering({"voice": ONE}, turn_s=6.0)
    run(triton, store, "--name=Ana", wav("1\x1b[2J.wav"))
    capfd.readouterr()

    assert run(triton, store, "--list") == 0
    listed = capfd.readouterr().out.split("\t")[:4]
    assert listed == ["Ana", r"1\x1b[2J.wav", "6.0 s", "campplus"]
    assert run(triton, store, "--remove=Ben") == 1
    assert "holds no 'Ben', expected a name from --list" in capfd.readouterr().err
    assert run(triton, store, "--remove=Ana") == 0
    assert run(triton, store, "--list") == 0
    assert capfd.readouterr().out == ""


def test_a_closed_pipe_or_non_ascii_name_causes_no_traceback(triton, wav, store):
    triton.reply = answering({"voice": ONE}, turn_s=6.0)
    run(triton, store, "--name=José", wav("1.wav"))
    command = [sys.executable, enroll.__file__, "--list", "--voices", store.path]
    gone, pipe = os.pipe()
    os.close(gone)

    unread = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, check=False)
    os.close(pipe)
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    read = subprocess.run(command, capture_output=True, env=ascii_only, check=True)

    assert (unread.returncode, unread.stderr) == (1, b"")
    assert read.stdout.startswith("José\t1.wav\t6.0 s".encode())


def test_a_failed_recording_is_reported_and_nothing_is_kept(triton, wav, store, capfd):
    def reply(call):
        raise RefusalError("AUDIO: got no audio")

    triton.reply = reply

    assert run(triton, store, "--name=Ana", wav("1.wav")) == 1
    assert not store.path.exists()
    assert re.search(r"1\.wav: .*AUDIO: got no audio", capfd.readouterr().err)


def test_a_missing_file_is_reported(triton, store, capfd):
    assert run(triton, store, "--name=Ana", "nowhere.wav") == 1
    err = capfd.readouterr().err
    assert err == "ERROR: cannot read nowhere.wav: No such file or directory\n"


def test_nothing_is_sent_if_the_store_cannot_be_written(triton, wav, tmp_path, capfd):
    store = VoiceStore(tmp_path / "no folder" / "voices.db")

    assert run(triton, store, "--name=Ana", wav("ana.wav")) == 2
    assert f"cannot write {store.path}: {store.path.parent} is missing" in capfd.readouterr().err
    assert triton.headers == []


def test_a_file_created_by_a_concurrent_enrolment_is_used(triton, wav, store):
    triton.reply = answering({"voice": ONE}, turn_s=6.0)
    store.path.touch()

    assert run(triton, store, "--name=Ana", wav("ana.wav")) == 0
    assert [voice.name for voice in store.voices()] == ["Ana"]


def test_an_unreachable_server_is_reported(wav, store, capfd):
    code = enroll.main(
        ["--url=127.0.0.1:9", "--voices", str(store.path), "--name=A", str(wav("1.wav"))]
    )

    assert code == 1
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("option", [["--list"], ["--remove=Ana"]])
def test_a_missing_file_of_voices_is_refused(option, triton, store, capfd):
    assert run(triton, store, *option) == 2
    assert "file not found, expected a file of voices" in capfd.readouterr().err


def test_voices_of_another_network_are_kept(triton, wav, store):
    triton.reply = answering({"voice": ONE}, turn_s=6.0)
    run(triton, store, "--name=Ana", wav("1.wav"))
    triton.reply = answering({"voice": [("SPEAKER_00", [1, 0])]}, "resnet34", turn_s=6.0)

    assert run(triton, store, "--name=Ana", wav("1.wav")) == 0

    assert [voice.kind for voice in store.voices()] == [
        "'campplus' (3 numbers)",
        "'resnet34' (2 numbers)",
    ]

"""The live client against a server that is strict about the contract of `stream`."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import jsonschema
import numpy as np
import pytest
import soundfile
from referencing import Registry, Resource

import client
import formats
from integration.client_fake_live import FakeLive, rttm_of
from integration.client_fake_server import RefusalError, files_in
from integration.tcp_relay import Relay
from media_files import noise
from sending.in_flight import Backoff

AT_ONCE = Backoff(first_s=0.01, max_s=0.05)
AWAY = RefusalError("the server is starting again", grpc.StatusCode.UNAVAILABLE)
LOST = RefusalError("Socket closed", grpc.StatusCode.UNAVAILABLE)
HZ = 16_000
PROGRAM = Path(client.__file__)
SCHEMAS = Path(formats.__file__).parent


@pytest.fixture
def live():
    with FakeLive() as server:
        yield server


@pytest.fixture
def talk(tmp_path):
    """A function that writes noise of this length as talk.wav."""

    def write(length_s, rate_hz=HZ):
        path = tmp_path / "talk.wav"
        soundfile.write(path, noise(round(length_s * rate_hz)), rate_hz)
        return path

    return write


def run(url, *args):
    return client.main(["--url", url, *map(str, args)], backoff=AT_ONCE)


def raising(error, numbers):
    """A hook that raises at these requests."""

    def hook(number):
        if number in numbers:
            raise error

    return hook


def turn_lines(n):
    return [f"{second:7.2f} - {second + 1:7.2f}  SPEAKER_00" for second in range(n)]


def start(url, *args, **more):
    command = [sys.executable, PROGRAM, "--url", url, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def test_a_file_arrives_sample_for_sample_and_its_result_is_written(live, talk, tmp_path, capfd):
    path = talk(3.3, 22_050)

    code = run(
        live.url, "--stream", path, "--pace=0", "--output_directory", tmp_path / "out",
        "--format=rttm,csv,json", "--max_speakers=3", "--exclusive", "--latency=5",
        "--recording_id=monday",
    )  # fmt: skip

    out = capfd.readouterr().out
    samples, _ = soundfile.read(path, dtype="int16")
    files = files_in(tmp_path / "out")
    assert code == 0
    assert np.array_equal(live.only.audio, samples)
    assert live.only.start == {
        "recording_id": "monday", "max_speakers": 3, "exclusive": True, "rate_hz": 22_050,
        "latency_s": "5",
    }  # fmt: skip
    assert out.splitlines() == turn_lines(3)
    assert files["rttm"] == files["rttm_monday"] == rttm_of(live.only)
    assert json.loads(files["monday.json"])["audio_s"] == 3.3
    assert files["monday.csv"].splitlines()[1] == "monday,0.000,3.300,SPEAKER_00,0.5"


def test_without_a_folder_standard_output_is_rttm_and_turns_go_to_standard_error(live, talk, capfd):
    code = run(live.url, "--stream", talk(2), "--pace=0")

    out, err = capfd.readouterr()
    assert code == 0
    assert out == rttm_of(live.only)
    assert err.splitlines()[:2] == turn_lines(2)
    assert "talk: 2.0 s of audio, 1 speaker(s)" in err


def test_quiet_leaves_the_result_only(live, talk, capfd):
    assert run(live.url, "--stream", talk(2), "--pace=0", "--quiet") == 0
    assert capfd.readouterr() == (rttm_of(live.only), "")


def test_pieces_have_at_most_ten_seconds(live, talk):
    assert run(live.url, "--stream", talk(35), "--pace=0") == 0
    assert max(live.pieces) <= 10 * HZ
    assert sum(live.pieces) == 35 * HZ


@pytest.mark.parametrize(("latency", "piece_s"), [("2", 0.5), ("0.5", 0.25)])
def test_audio_at_its_own_pace_is_sent_as_it_is_spoken(live, talk, latency, piece_s):
    assert run(live.url, "--stream", talk(2), f"--latency={latency}", "--pace=2") == 0

    audio = live.pieces[:-1]  # the last request ends the session
    assert all(n >= piece_s * HZ for n in audio[:-1])
    assert len(audio) > 1
    assert sum(audio) == 2 * HZ


def test_events_are_printed_as_lines_of_json_before_the_result(live, talk, capfd):
    live.after = raising(LOST, {1, 2})

    code = run(live.url, "--stream", talk(12), "--pace=0", "--json")

    turns = Resource.from_contents(json.loads((SCHEMAS / "turns.schema.json").read_text()))
    validator = jsonschema.Draft202012Validator(
        json.loads((SCHEMAS / "lines.schema.json").read_text()),
        registry=Registry().with_resource("turns.schema.json", turns),
    )
    *events, document = map(json.loads, capfd.readouterr().out.splitlines())
    for line in (*events, document):
        validator.validate(line)
    assert code == 0
    assert [event["seq"] for event in events] == list(range(1, live.only.n_events + 1))
    assert events[-1]["rttm"] == rttm_of(live.only)
    assert document["recording_id"] == "talk"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_nothing_is_lost_or_doubled_when_requests_or_answers_are_lost(
    moment, live, talk, tmp_path, capfd
):
    setattr(live, moment, raising(LOST, {1, 2, 4, 5, 7, 8, 9}))
    path = talk(25)

    code = run(live.url, "--stream", path, "--pace=0", "--output_directory", tmp_path / "out")

    out, err = capfd.readouterr()
    samples, _ = soundfile.read(path, dtype="int16")
    assert code == 0
    assert np.array_equal(live.only.audio, samples)
    assert out.splitlines() == turn_lines(25)
    assert err.count("such failures are sent again for 120 s (--retry_for)") >= 3


def test_a_broken_connection_costs_nothing(live, talk, tmp_path, capfd):
    with Relay(live.url) as relay:

        def cut_once(number):
            if number == 2:
                relay.cut(n_to_refuse=2)

        live.after = cut_once
        out = tmp_path / "out"
        code = run(relay.url, "--stream", talk(25), "--pace=0", "--output_directory", out)

    assert code == 0
    assert relay.n_refused == 2
    assert capfd.readouterr().out.splitlines() == turn_lines(25)


def test_a_server_that_stays_away_fails_the_recording(live, talk, tmp_path, capfd):
    (tmp_path / "rttm_talk").write_text("of an earlier run\n")
    live.before = raising(AWAY, range(2, 10_000))

    code = run(
        live.url, "--stream", talk(25), "--pace=0", "--retry_for=0.2",
        "--output_directory", tmp_path,
    )  # fmt: skip

    assert code == 1
    assert "within 0.2 s (--retry_for)" in capfd.readouterr().err
    assert not (tmp_path / "rttm_talk").exists()


def test_a_session_that_the_server_does_not_know_is_not_sent_again(live, talk, capfd):
    live.before = lambda number: live.sessions.clear() if number == 2 else None

    code = run(live.url, "--stream", talk(15), "--pace=0")

    assert code == 1
    assert "talk: the session was never started" in capfd.readouterr().err


def test_a_wav_in_a_pipe_arrives(live, talk):
    path = talk(3, 8000)
    with path.open("rb") as file, start(live.url, "--stream", "-", stdin=file) as process:
        out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert np.array_equal(live.only.audio, soundfile.read(path, dtype="int16")[0])
    assert (live.only.rate_hz, live.only.start["recording_id"]) == (8000, "stdin")
    assert out.decode() == rttm_of(live.only)


def test_raw_samples_in_a_pipe_have_the_rate_that_is_given(live):
    samples = noise(12_000)
    with start(live.url, "--stream=-", "--stream_rate=12000", stdin=subprocess.PIPE) as process:
        _, err = process.communicate(samples.tobytes(), timeout=60)

    assert process.returncode == 0, err
    assert np.array_equal(live.only.audio, samples)
    assert live.only.rate_hz == 12_000


def test_ctrl_c_ends_a_pipe_that_stays_open_and_writes_the_result(live):
    with start(live.url, "--stream", "-", stdin=subprocess.PIPE) as process:
        process.stdin.write(noise(3 * HZ).tobytes())
        process.stdin.flush()
        assert live.has_audio.wait(60)
        os.kill(process.pid, signal.SIGINT)
        out, err = process.stdout.read(), process.stderr.read()
        process.wait(60)
        process.stdin.close()

    assert process.returncode == 0, err
    assert live.only.ended
    assert out.decode() == rttm_of(live.only)
    assert b"Traceback" not in err
    assert b"Fatal" not in err


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"no audio", "neither libsndfile nor PyAV can read")],
)
def test_a_file_that_cannot_be_read_fails_and_starts_no_session(
    live, tmp_path, content, words, capfd
):
    path = tmp_path / "talk.wav"
    if content is not None:
        path.write_bytes(content)

    assert run(live.url, "--stream", path) == 1
    assert words in capfd.readouterr().err
    assert live.sessions == {}


def test_a_microphone_without_its_package_says_what_to_install(live, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "sounddevice", None)

    assert run(live.url, "--stream=mic") == 1
    assert "mic: --stream mic needs the package sounddevice" in capfd.readouterr().err


def test_a_reference_scores_the_result(live, talk, tmp_path, capfd):
    (tmp_path / "ref.rttm").write_text("SPEAKER talk 1 0.0 4.0 <NA> <NA> anna <NA> <NA>\n")

    code = run(
        live.url, "--stream", talk(4), "--pace=0", "--output_directory", tmp_path / "out",
        "--reference", tmp_path / "ref.rttm",
    )  # fmt: skip

    assert code == 0
    assert "DER 0.00 %" in capfd.readouterr().out


def lines_with_voices(live, talk, voices, capfd, *options):
    assert run(live.url, "--stream", talk(5), "--pace=0", "--voices", voices, *options) == 0
    return capfd.readouterr().out.splitlines()


def test_a_voice_is_named_from_its_event_on_and_in_the_result(live, talk, voices, tmp_path, capfd):
    out = tmp_path / "out"

    lines = lines_with_voices(live, talk, voices, capfd, "--output_directory", out)

    assert live.only.start["voices"] is True
    named = lines.pop(2)
    assert re.fullmatch(r"  until    [012]\.00  SPEAKER_00 is Ana_María", named)
    assert lines == [
        *turn_lines(2),
        *(each.replace("SPEAKER_00", "Ana_María") for each in turn_lines(5)[2:]),
    ]
    expected = rttm_of(live.only).replace("SPEAKER_00", "Ana_María")
    assert (out / "rttm_talk").read_text() == expected


def test_names_are_lines_of_json_and_voices_are_not(live, talk, voices, capfd):
    *events, document = map(json.loads, lines_with_voices(live, talk, voices, capfd, "--json"))

    (named,) = (each for each in events if each["type"] == "voice")
    named.pop("seq")
    assert named == {"type": "voice", "names": {"SPEAKER_00": "Ana_María"}}
    assert {each["speaker"] for each in events if each["type"] == "turn"} == {"SPEAKER_00"}
    assert set(events[-1]) == {"seq", "type", "rttm", "confidences", "info"}
    assert [each["speaker"] for each in document["turns"]] == ["Ana_María"]


def test_who_is_unlike_all_enrolled_keeps_the_number(live, talk, voices, capfd):
    live.voice = {**live.voice, "embedding": [0.0, 1.0, 0.0]}

    lines = lines_with_voices(live, talk, voices, capfd)

    assert lines == rttm_of(live.only).splitlines()


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("resnet34", "are of the speaker network 'campplus' (3 numbers), expected 'resnet34'"),
        (None, "has speaker_network None, expected the name of its speaker network"),
    ],
)
def test_voices_of_another_network_end_the_stream_at_the_first_voice(
    network, words, live, talk, voices, capfd
):
    live.voice = {**live.voice, "network": network}

    code = run(live.url, "--stream", talk(25), "--pace=0", "--voices", voices)

    assert code == 1
    assert words in capfd.readouterr().err
    assert not live.only.ended

"""The client against a server that speaks Triton's gRPC protocol: requests, files, exit codes."""

import io
import subprocess
import threading

import numpy as np
import pytest
import soundfile

import client
from integration.client_fake_server import RefusalError, files_in, one_turn, run
from media_files import write_media


def test_a_request_has_the_unchanged_file_and_the_parameters(triton, wav, tmp_path):
    path = wav("talk.wav")

    code = run(
        triton, "--audio_file", path, "--output_directory", tmp_path / "out",
        "--num_speakers", 3, "--min_speakers", 2, "--max_speakers", 4,
    )  # fmt: skip

    (call,) = triton.calls
    assert code == 0
    assert call.recording_id == "talk"
    assert call.audio == path.read_bytes()
    assert call.parameters == {"num_speakers": 3, "min_speakers": 2, "max_speakers": 4}
    assert call.outputs == ["RTTM", "INFO"]


def test_mode_and_exclusive_are_sent(triton, wav):
    run(triton, "--audio_file", wav("talk.wav"), "--mode=classic", "--exclusive")

    assert triton.calls[0].parameters == {"mode": "classic", "exclusive": True}


@pytest.mark.parametrize("channels", ["mix", "first", "separate"])
def test_channels_is_sent(triton, wav, channels):
    run(triton, "--audio_file", wav("talk.wav"), f"--channels={channels}")

    assert triton.calls[0].parameters == {"channels": channels}


@pytest.mark.parametrize(
    ("flags", "n_channels"),
    [([], 1), (["--channels=mix"], 1), (["--channels=first"], 2), (["--channels=separate"], 2)],
)
def test_audio_decoded_by_the_client_keeps_the_channels_that_are_needed(
    triton, tmp_path, flags, n_channels
):
    path = write_media(tmp_path / "call.m4a", np.zeros((16_000, 2), np.int16))

    assert run(triton, "--audio_file", path, *flags) == 0
    assert soundfile.info(io.BytesIO(triton.calls[0].audio)).channels == n_channels


def test_without_output_directory_standard_output_is_rttm_and_nothing_else(triton, wav, capfd):
    code = run(triton, "--audio_file", wav("talk.wav"), "-v")

    out, err = capfd.readouterr()
    assert code == 0
    assert out == "SPEAKER talk 1 0.000 1.000 <NA> <NA> SPEAKER_00 <NA> <NA>\n"
    assert "talk: 30.0 s of audio, 1 speaker" in err
    assert "1 done, 0 failed" in err


def test_a_folder_gets_one_file_for_each_recording_and_their_join(triton, wav_scp, tmp_path):
    out = tmp_path / "new" / "out"

    code = run(triton, "--wavscp", wav_scp("b", "a"), "--output_directory", out)

    a, b = (f"SPEAKER {each} 1 0.000 1.000 <NA> <NA> SPEAKER_00 <NA> <NA>\n" for each in ("a", "b"))
    assert code == 0
    assert files_in(out) == {"rttm_a": a, "rttm_b": b, "rttm": a + b}


def test_upstreams_cat_leaves_the_joined_file_unchanged(triton, wav_scp, tmp_path):
    out = tmp_path / "out"
    ids = ["z", "a_b", "aB", "a-b", "Z", ".dot", "é", "a.b", "ab"]
    run(triton, "--wavscp", wav_scp(*ids), "--output_directory", out)
    joined = (out / "rttm").read_bytes()

    subprocess.run(
        ["bash", "-c", "cat $d/rttm* > $d/rttm"], env={"d": str(out), "LC_ALL": "C"}, check=True
    )

    assert joined.count(b"\n") == len(ids)
    assert (out / "rttm").read_bytes() == joined


def test_a_missing_final_newline_is_added_before_joining(triton, wav_scp, tmp_path):
    triton.reply = lambda call: one_turn(call).rstrip("\n")

    run(triton, "--wavscp", wav_scp("a", "b"), "--output_directory", tmp_path / "out")

    assert files_in(tmp_path / "out")["rttm"].count("\n") == 2


@pytest.mark.parametrize("info", ["", "no json", "[1]", '{"audio_s": "long"}', None])
def test_invalid_info_does_not_affect_the_answer(info, triton, wav, capfd):
    triton.reply = lambda call: {"RTTM": one_turn(call)} | ({} if info is None else {"INFO": info})

    code = run(triton, "--audio_file", wav("talk.wav"))

    assert code == 0
    assert "talk: 1 speaker" in capfd.readouterr().err


def test_one_refused_recording_does_not_affect_the_others(triton, wav_scp, tmp_path, capfd):
    def reply(call):
        if call.recording_id == "bad":
            raise RefusalError("AUDIO: got 7 bytes that are no audio, expected a wav")
        return one_turn(call)

    triton.reply = reply
    out = tmp_path / "out"
    out.mkdir()
    (out / "rttm_bad").write_text("of an earlier run\n")

    code = run(triton, "--wavscp", wav_scp("a", "bad", "c"), "--output_directory", out)

    err = capfd.readouterr().err
    assert code == 1
    assert set(files_in(out)) == {"rttm_a", "rttm_c", "rttm"}
    assert files_in(out)["rttm"] == files_in(out)["rttm_a"] + files_in(out)["rttm_c"]
    assert "bad: line 2: AUDIO: got 7 bytes that are no audio" in err
    assert "2 done, 1 failed" in err
    assert "Traceback" not in err


def test_missing_audio_fails_only_its_recording_and_is_reported_with_its_line(
    triton, wav_scp, tmp_path, capfd
):
    scp = wav_scp("a", "b", "c")
    (tmp_path / "b.wav").unlink()
    (tmp_path / "c.wav").unlink()

    code = run(triton, "--wavscp", scp, "--output_directory", tmp_path / "out")

    err = capfd.readouterr().err
    assert code == 1
    assert triton.ids == ["a"]
    assert set(files_in(tmp_path / "out")) == {"rttm_a", "rttm"}
    assert f"b: line 2: file not found: {tmp_path / 'b.wav'}" in err
    assert f"c: line 3: file not found: {tmp_path / 'c.wav'}" in err


def test_a_file_that_is_not_audio_fails_alone(triton, wav_scp, tmp_path, capfd):
    scp = wav_scp("a", "b")
    (tmp_path / "a.wav").write_text("this is no audio")

    code = run(triton, "--wavscp", scp, "--output_directory", tmp_path / "out")

    assert code == 1
    assert triton.ids == ["b"]
    assert "libsndfile" in capfd.readouterr().err


def test_only_the_first_of_many_problems_are_logged(triton, tmp_path, capfd):
    (tmp_path / "wav.scp").write_text("a.wav\n" * 1000)

    assert client.main(["--url", triton.url, "--wavscp", str(tmp_path / "wav.scp")]) == 2

    err = capfd.readouterr().err.splitlines()
    assert len(err) == 21
    assert "line 20: expected '<recording id> <path>', got 'a.wav'" in err[19]
    assert err[20] == "ERROR: ... and 980 more"


def test_a_wrong_list_is_refused_with_all_its_problems_and_nothing_is_sent(
    triton, wav, tmp_path, capfd
):
    path = wav("a.wav")
    scp = tmp_path / "wav.scp"
    scp.write_text(f"a {path}\nalone\na {path}\nb sph2pipe x.sph |\n")

    code = run(triton, "--wavscp", scp, "--output_directory", tmp_path / "out")

    err = capfd.readouterr().err
    assert code == 2
    assert triton.calls == []
    assert all(f"line {number}:" in err for number in (2, 3, 4))
    assert not (tmp_path / "out").exists()


def test_files_of_other_runs_are_kept_and_counted(triton, wav_scp, tmp_path, capfd):
    out = tmp_path / "out"
    out.mkdir()
    (out / "rttm_other").write_text("of another list\n")

    code = run(triton, "--wavscp", wav_scp("a"), "--output_directory", out)

    assert code == 0
    assert files_in(out)["rttm_other"] == "of another list\n"
    assert "other" not in files_in(out)["rttm"]
    assert "1 rttm file(s) of other runs" in capfd.readouterr().err


def test_at_most_jobs_recordings_are_in_flight(triton, wav_scp, tmp_path):
    three_at_once = threading.Barrier(3, timeout=60)

    def reply(call):
        three_at_once.wait()
        return one_turn(call)

    triton.reply = reply
    ids = [f"r{number}" for number in range(9)]

    code = run(triton, "--wavscp", wav_scp(*ids), "--output_directory", tmp_path / "o", "--jobs", 3)

    assert code == 0
    assert triton.n_most_at_once == 3
    assert sorted(triton.ids) == ids


def test_a_short_recording_does_not_wait_for_a_long_one(triton, wav_scp, capfd):
    short_is_sent = threading.Event()

    def reply(call):
        if call.recording_id == "long":
            # The second short one is sent only after the first one's answer has been taken.
            assert short_is_sent.wait(timeout=60)
        if call.recording_id == "short2":
            short_is_sent.set()
        return one_turn(call)

    triton.reply = reply

    code = run(triton, "--wavscp", wav_scp("long", "short1", "short2"), "--jobs", 2)

    assert code == 0
    assert capfd.readouterr().out.startswith("SPEAKER short1 ")


def test_files_are_written_before_the_run_ends(triton, wav_scp, tmp_path):
    out = tmp_path / "out"
    seen = {}

    def reply(call):
        seen[call.recording_id] = sorted(path.name for path in out.glob("[!.]*"))
        return one_turn(call)

    triton.reply = reply

    run(triton, "--wavscp", wav_scp("a", "b", "c"), "--output_directory", out, "--jobs", 1)

    assert seen == {"a": [], "b": ["rttm_a"], "c": ["rttm_a", "rttm_b"]}

"""The client's --dry_run: everything is checked and reported; no audio is sent, no file written."""

import socket

import pytest

import client


def run(url, *args):
    return client.main(["--url", url, *map(str, args), "--dry_run"])


def test_a_dry_run_reports_what_it_would_send_and_write(triton, wav, tmp_path, capfd):
    a, b = wav("a.wav", 16_000), wav("b.wav", 16_000 * 90)
    out = tmp_path / "new" / "out"

    code = run(
        triton.url, "--audio_file", a, b, "--output_directory", out, "--format=json", "--json"
    )

    printed, err = capfd.readouterr()
    assert code == 0
    assert printed == ""
    assert err.splitlines() == [
        f"INFO: a: 0:00:01 of {a} -> {out / 'a.json'}, {out / 'rttm_a'}",
        f"INFO: b: 0:01:30 of {b} -> {out / 'b.json'}, {out / 'rttm_b'}",
        "INFO: would send 2 of 2 recording(s), 0:01:31 of audio; nothing was sent or written",
        f"INFO: the service at {triton.url} is ready",
    ]
    assert triton.calls == []
    assert not out.parent.exists()


def test_recordings_that_would_fail_are_reported_as_in_a_run(triton, wav_scp, tmp_path, capfd):
    scp = wav_scp("a", "absent", "text")
    (tmp_path / "absent.wav").unlink()
    (tmp_path / "text.wav").write_text("this is no audio")

    code = run(triton.url, "--wavscp", scp)

    err = capfd.readouterr().err
    assert code == 1
    assert f"ERROR: absent: line 2: file not found: {tmp_path / 'absent.wav'}\n" in err
    assert "ERROR: text: line 3: neither libsndfile nor PyAV can read" in err
    assert "-> standard output\n" in err
    assert "would send 1 of 3 recording(s)" in err


def test_with_resume_finished_recordings_are_kept(triton, wav_scp, out, capfd):
    earlier = "SPEAKER a 1 0.000 1.000 <NA> <NA> SPEAKER_00 <NA> <NA>\n"
    (out / "rttm_a").write_text(earlier)
    (out / "rttm").write_text(earlier)

    code = run(triton.url, "--wavscp", wav_scp("a", "b"), "--output_directory", out, "--resume")

    err = capfd.readouterr().err
    assert code == 0
    assert "INFO: a: done by an earlier run\n" in err
    assert "would send 1 of 2 recording(s)" in err
    assert {path.name: path.read_text() for path in out.iterdir()} == dict.fromkeys(
        ["rttm_a", "rttm"], earlier
    )


def test_an_unreachable_server_is_reported(wav, capfd):
    with socket.socket() as unused:  # bound but not listening: connections are refused
        unused.bind(("127.0.0.1", 0))
        code = run(f"127.0.0.1:{unused.getsockname()[1]}", "--audio_file", wav("a.wav"))

    err = capfd.readouterr().err
    assert code == 1
    assert "would send 1 of 1" in err
    assert "no Triton server answers gRPC" in err


@pytest.mark.parametrize(("speech_of", "code"), [("b", 0), ("x", 1)])
def test_impossible_scores_are_reported(speech_of, code, triton, wav_scp, tmp_path, capfd):
    (tmp_path / "all.rttm").write_text(
        f"SPEAKER {speech_of} 1 0.000 1.000 <NA> <NA> anna <NA> <NA>\n"
    )

    ended = run(triton.url, "--wavscp", wav_scp("a", "b"), "--reference", tmp_path / "all.rttm")

    err = capfd.readouterr().err
    assert ended == code
    assert ("no score: no recording of this run has speech" in err) == bool(code)
    assert ("not scored, no speech of theirs in the reference: a" in err) != bool(code)


@pytest.mark.parametrize("name", ["file/out", "file"])
def test_an_unusable_directory_is_wrong_usage(name, triton, wav, tmp_path, capfd):
    (tmp_path / "file").touch()

    code = run(triton.url, "--audio_file", wav("a.wav"), "--output_directory", tmp_path / name)

    assert code == 2
    assert f"cannot write to output directory {tmp_path / name}" in capfd.readouterr().err

"""VoxConverse is laid out completely, checked, and fetched only if it is not in place."""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from fake_voxconverse import (
    AUDIO,
    COMMIT,
    NAMES,
    RTTM,
    archives,
    audio_files,
    packed,
    rttm,
    rttm_files,
    wav,
)
from file_server import serving
from inputs.recordings import read_wav_scp
from scoring.scores import read_reference
from setup import prepare_voxconverse
from setup.prepare_voxconverse import AUDIO_URL, RTTM_URL, locked


class Run:
    """The program, its folder and the servers it fetches from."""

    def __init__(self, server, data_dir):
        self.server, self.data_dir = server, data_dir
        self.folder = data_dir / "voxconverse"
        self.dev = self.folder / "dev"

    def __call__(self, *arguments):
        places = [f"--audio_url={self.server.url}/{AUDIO}", f"--rttm_url={self.server.url}/{RTTM}"]
        return prepare_voxconverse.main([*places, f"--data_dir={self.data_dir}", *arguments])

    def is_usable(self):
        return (self.dev / "wav.scp").exists() or (self.dev / "SHA256SUMS").exists()


@pytest.fixture
def run(tmp_path):
    with serving(archives()) as server:
        server.version = '"v1"'
        yield Run(server, tmp_path / "data")


@pytest.fixture
def refusal(run, capsys):
    """A function that runs once and returns the sentence with which nothing was prepared."""

    def of(*arguments):
        assert run(*arguments) == 1
        err = capsys.readouterr().err
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert not run.is_usable()
        return err

    return of


# Layout


def test_set_is_laid_out_for_the_client(run, capsys):
    assert run() == 0  # dev is the default
    recordings = read_wav_scp(run.dev / "wav.scp")
    assert [each.recording_id for each in recordings] == list(NAMES)
    assert all(each.path.is_absolute() for each in recordings)
    files = audio_files()
    for each in recordings:
        assert each.path.read_bytes() == files[f"audio/{each.recording_id}.wav"]
    assert sorted(read_reference(run.dev / "ref.rttm")) == list(NAMES)
    assert read_reference(run.dev / "rttm") == read_reference(run.dev / "ref.rttm")
    names = [path.name for path in run.folder.iterdir() if path.name != ".lock"]
    assert sorted(names) == sorted(["dev", f"{AUDIO}.sha256", f"{RTTM}.sha256"])
    out = capsys.readouterr().out
    assert f"downloading {run.server.url}/{AUDIO}\n" in out
    assert "references: version 0.3\n" in out
    assert out.endswith(f"{run.dev}: 3 recordings, 0.00 hours\n")


def test_checksums_have_the_format_of_sha256sum(run):
    assert run() == 0
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(command, cwd=run.dev, capture_output=True, text=True, check=True)
    assert done.stdout.count(": OK\n") == 2 * len(NAMES)


def test_references_are_linked_from_the_path_of_upstream(run):
    upstream = run.data_dir / "voxconverse-master" / "dev"
    assert run() == 0
    assert sorted(path.stem for path in upstream.glob("*.rttm")) == list(NAMES)
    upstream.unlink()
    upstream.mkdir()
    assert run() == 0
    assert not upstream.is_symlink()  # a folder of the user is left alone


def test_test_set_is_in_another_folder_of_its_archive(run):
    url = f"{run.server.url}/voxconverse_test_wav.zip"
    content = audio_files(("aepyx",), "voxconverse_test_wav")
    run.server.files["voxconverse_test_wav.zip"] = packed(content)
    assert run("test", f"--audio_url={url}") == 0
    (recording,) = read_wav_scp(run.folder / "test" / "wav.scp")
    assert recording.recording_id == "aepyx"


def test_local_archives_are_used_and_kept(run, tmp_path):
    for name, content in archives().items():
        (tmp_path / name).write_bytes(content)
    arguments = [f"--audio_url={tmp_path / AUDIO}", f"--rttm_url={tmp_path / RTTM}"]
    assert run(*arguments) == 0
    assert run.server.asked == []
    assert (tmp_path / AUDIO).exists()
    assert (tmp_path / RTTM).exists()


@pytest.mark.parametrize("flag", ["--keep-archives", "--keep_archives"])
def test_archives_are_kept_on_request(run, flag):
    assert run(flag) == 0
    assert (run.folder / AUDIO).read_bytes() == run.server.files[AUDIO]
    digest = hashlib.sha256(run.server.files[AUDIO]).hexdigest()
    assert (run.folder / f"{AUDIO}.sha256").read_text() == f"{digest}  {AUDIO}\n"


def test_other_version_of_the_references_is_reported(run, capsys):
    run.server.files[RTTM] = packed(rttm_files(), "f" * 40)
    assert run() == 0
    assert f"commit {'f' * 40}, not the {COMMIT} of version 0.3" in capsys.readouterr().out


# Again


def test_second_run_fetches_and_changes_nothing(run):
    assert run() == 0
    before = {path: path.stat().st_mtime_ns for path in run.dev.glob("*/*")}
    run.server.asked.clear()
    assert run() == 0
    assert run.server.asked == []
    assert {path: path.stat().st_mtime_ns for path in run.dev.glob("*/*")} == before


def test_moved_set_gets_its_new_paths(run, tmp_path):
    assert run() == 0
    run.data_dir.rename(tmp_path / "moved")
    run.server.files.clear()
    assert Run(run.server, tmp_path / "moved")() == 0
    recordings = read_wav_scp(tmp_path / "moved" / "voxconverse" / "dev" / "wav.scp")
    assert all(each.path.is_file() for each in recordings)


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_damaged_set_is_fetched_again(run, damage, capsys):
    assert run() == 0
    path = run.dev / "audio" / "afjiv.wav"
    content = path.read_bytes()
    path.unlink()
    if damage == "changed":
        path.write_bytes(content[:-1] + b"!")
    assert run() == 0
    assert path.read_bytes() == content
    assert f"{path}: missing or changed\n" in capsys.readouterr().out


def test_interrupted_download_ends_with_130_and_is_resumed(run):
    run.server.missing_bytes, run.server.stall = 1000, True
    local = run.data_dir.parent / RTTM  # so that the audio alone is cut
    local.write_bytes(archives()[RTTM])
    command = [sys.executable, prepare_voxconverse.__file__, f"--data_dir={run.data_dir}"]
    command += [f"--audio_url={run.server.url}/{AUDIO}", f"--rttm_url={local}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        part = run.folder / f"{AUDIO}.part"
        while not (part.exists() and part.stat().st_size) and child.poll() is None:
            run.server.half_sent.wait(0.05)
        child.send_signal(signal.SIGINT)
        assert child.communicate(timeout=60) == (None, "")
    assert child.returncode == 130
    assert not run.is_usable()
    n_kept = part.stat().st_size
    run.server.missing_bytes, run.server.stall = 0, False
    assert run(f"--rttm_url={local}") == 0
    assert run.server.ranges == [None, f"bytes={n_kept}-"]


# Refused


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("{url}/absent.zip", "cannot download {url}/absent.zip: 404 Not Found\n"),
        ("{url}/", "has no file name"),
        ("/nowhere/a.zip", "file not found: /nowhere/a.zip, expected a zip"),
    ],
)
def test_missing_archive_is_named(run, refusal, place, reason):
    url = run.server.url
    assert reason.format(url=url) in refusal(f"--audio_url={place.format(url=url)}")


def test_archive_that_changed_since_first_use_is_refused(run, refusal):
    assert run() == 0
    shutil.rmtree(run.dev)
    run.server.files[AUDIO] = packed(audio_files() | {"audio/abjxc.wav": wav(9)})
    assert f"as recorded in {run.folder / AUDIO}.sha256 on first use" in refusal()


@pytest.mark.parametrize("content", [archives()[AUDIO][:-500], b"<html>log in</html>"])
def test_file_that_is_not_a_complete_archive_is_refused(run, refusal, tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    reason = refusal(f"--audio_url={tmp_path / 'a.zip'}")
    assert f"{tmp_path / 'a.zip'}: File is not a zip file; remove it" in reason
    assert (tmp_path / "a.zip").exists()
    run.server.files[AUDIO] = content
    assert f"{AUDIO} is not a zip archive; it was not kept" in refusal()
    run.server.files[AUDIO] = archives()[AUDIO]
    assert run() == 0


@pytest.mark.parametrize(
    ("at", "bits", "reason"),
    [(3000, 255, "Bad CRC-32"), (archives()[AUDIO].index(b"PK\1\2") + 8, 1, "")],  # 1: encrypted
)
def test_file_that_cannot_be_unpacked_is_refused(run, refusal, at, bits, reason):
    content = bytearray(run.server.files[AUDIO])
    content[at] ^= bits
    run.server.files[AUDIO] = bytes(content)
    assert f"audio/abjxc.wav is refused ({reason}" in refusal()


@pytest.mark.parametrize(
    ("archive", "content", "reason"),
    [
        (RTTM, rttm_files(NAMES[1:]), "1 are in one alone, such as abjxc\n"),
        (AUDIO, audio_files(NAMES[:2]), "1 are in one alone, such as ahnss\n"),
        (AUDIO, audio_files(tuple("abcdefg")), "10 are in one alone, such as a, abjxc, afjiv, "),
        (RTTM, {"voxconverse/README.md": b""}, "no *.rttm file in a folder dev"),
        (AUDIO, audio_files() | {"more/abjxc.wav": wav()}, "two files of recording abjxc"),
        (AUDIO, audio_files() | {"a b.wav": wav()}, "'a b.wav' is not named after a recording"),
    ],
)
def test_archives_must_hold_one_reference_for_each_recording(
    run, refusal, archive, content, reason
):
    run.server.files[archive] = packed(content)
    assert reason in refusal()


@pytest.mark.parametrize("path", ["../evil.wav", "/evil.wav", "audio/../../evil.wav"])
def test_path_that_leads_out_of_the_folder_is_refused(run, refusal, path):
    run.server.files[AUDIO] = packed(audio_files() | {path: wav()})
    assert refusal()
    assert not list(run.data_dir.parent.rglob("*e*.wav"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (wav(rate_hz=8000), "2000 samples, 8000 Hz, 1 channel(s), expected some at 16000 Hz"),
        (wav(n_channels=2), "4000 samples, 16000 Hz, 2 channel(s)"),
        (wav()[:44], "0 samples"),
        (b"no audio", "libsndfile cannot read it"),
    ],
)
def test_recording_that_is_not_16_khz_mono_is_refused(run, refusal, content, reason):
    run.server.files[AUDIO] = packed(audio_files() | {"audio/afjiv.wav": content})
    assert f"audio/afjiv.wav is refused ({reason}" in refusal()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (rttm("other"), "it has lines of other, expected turns"),
        (rttm("afjiv") + b"SPEAKER afjiv 1 0.1\n", "afjiv.rttm line 2: expected RTTM"),
        (rttm("afjiv").replace(b"0.02", b"-0.02"), "afjiv.rttm line 1: expected RTTM"),
        (b"\n", "it has lines of no recording"),
    ],
)
def test_reference_without_turns_of_its_recording_is_refused(run, refusal, content, reason):
    files = rttm_files() | {f"voxconverse-{COMMIT}/dev/afjiv.rttm": content}
    run.server.files[RTTM] = packed(files)
    assert reason in refusal()


def test_lack_of_space_is_reported_and_the_archive_kept(run, refusal, monkeypatch):
    free = [1_000_000_000, 1_000_000_000, 1_000_000_000, 100]  # two downloads, then unpacking
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free.pop(0)))
    assert f"not enough space in {run.dev / 'audio'}: 0.0 GB are free" in refusal()
    assert (run.folder / AUDIO).exists()


def test_folder_that_cannot_be_made_is_named(run, refusal):
    run.data_dir.write_bytes(b"a file")
    assert f"cannot make folder {run.folder}" in refusal()


def test_two_runs_exclude_each_other(run, refusal):
    with locked(run.folder):
        assert f"another run is working in {run.folder}" in refusal()
    assert run() == 0


# Command line


def test_help_names_sources_licence_and_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        prepare_voxconverse.main(["--help"])
    assert stopped.value.code == 0
    text = "".join(capsys.readouterr().out.split())
    for expected in (AUDIO_URL.format(name="<set>"), RTTM_URL, "version0.3", "CCBY4.0"):
        assert expected in text

"""VoxConverse gets into place whole, checked, and only when it has to."""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from file_server import serving
from inputs.recordings import read_wav_scp
from scoring.scores import read_reference
from setup import prepare_voxconverse
from setup.voxconverse.sets import alone_in
from setup.voxconverse.sources import AUDIO_URL, RTTM_URL
from voxconverse_world import (
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
    """Run once; return the one sentence that says why nothing was prepared."""

    def of(*arguments):
        assert run(*arguments) == 1
        err = capsys.readouterr().err
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert ".part-" not in err
        assert not run.is_usable()
        return err

    return of


# A good set


def test_set_is_laid_out_for_the_client(run):
    assert run("dev") == 0
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


def test_what_was_fetched_and_made_is_told(run, capsys):
    assert run() == 0  # dev is the default
    out = capsys.readouterr().out
    assert f"downloading {run.server.url}/{AUDIO}\n" in out
    assert "references: version 0.3\n" in out
    assert out.endswith(f"{run.dev}: 3 recordings, 0.00 hours\n")


def test_checksums_can_be_checked_by_sha256sum(run):
    assert run() == 0
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(command, cwd=run.dev, capture_output=True, text=True, check=True)
    assert done.stdout.count(": OK\n") == 2 * len(NAMES)


def test_references_lie_where_upstream_looks_for_them(run):
    assert run() == 0
    upstream = run.data_dir / "voxconverse-master" / "dev"
    assert sorted(path.stem for path in upstream.glob("*.rttm")) == list(NAMES)


def test_what_upstream_left_there_stays(run):
    upstream = run.data_dir / "voxconverse-master" / "dev"
    upstream.mkdir(parents=True)
    assert run() == 0
    assert not upstream.is_symlink()


def test_test_set_lies_in_another_folder_of_its_archive(run):
    url = f"{run.server.url}/voxconverse_test_wav.zip"
    content = audio_files(("aepyx",), "voxconverse_test_wav")
    run.server.files["voxconverse_test_wav.zip"] = packed(content)
    assert run("test", f"--audio_url={url}") == 0
    (recording,) = read_wav_scp(run.folder / "test" / "wav.scp")
    assert recording.recording_id == "aepyx"


def test_local_archives_are_used_where_they_lie_and_kept(run, tmp_path):
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


# Again


def test_second_run_fetches_and_changes_nothing(run):
    assert run() == 0
    before = {path: path.stat().st_ino for path in run.dev.glob("*/*")}
    run.server.asked.clear()
    assert run() == 0
    assert run.server.asked == []
    assert {path: path.stat().st_ino for path in run.dev.glob("*/*")} == before


def test_set_that_was_moved_gets_its_new_paths(run, tmp_path):
    assert run() == 0
    run.data_dir.rename(tmp_path / "moved")
    run.server.files.clear()
    assert Run(run.server, tmp_path / "moved")() == 0
    recordings = read_wav_scp(tmp_path / "moved" / "voxconverse" / "dev" / "wav.scp")
    assert all(each.path.is_file() for each in recordings)


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_damaged_file_is_fetched_again_and_the_others_left(run, damage, capsys):
    assert run() == 0
    path = run.dev / "audio" / "afjiv.wav"
    right, other = path.read_bytes(), (run.dev / "audio" / "abjxc.wav").stat().st_ino
    path.unlink()
    if damage == "changed":
        path.write_bytes(right[:-1] + b"!")
    assert run() == 0
    assert path.read_bytes() == right
    assert (run.dev / "audio" / "abjxc.wav").stat().st_ino == other
    assert f"{path}: missing or changed\n" in capsys.readouterr().out


def test_cut_download_is_continued_by_the_next_run(run, refusal):
    n_bytes = len(run.server.files[AUDIO])
    assert run.server.files.pop(RTTM)  # taken from a local file, so that the audio alone is cut
    local = run.data_dir.parent / RTTM
    local.write_bytes(archives()[RTTM])
    run.server.missing_bytes = 1000
    assert f"ended after {n_bytes - 1000} bytes, expected" in refusal(f"--rttm_url={local}")
    run.server.missing_bytes = 0
    run.server.ranges.clear()
    assert run(f"--rttm_url={local}") == 0
    assert run.server.ranges == [f"bytes={n_bytes - 1000}-"]


def test_interrupted_download_ends_with_130_and_is_continued(run):
    run.server.missing_bytes, run.server.stall = 1000, True
    local = run.data_dir.parent / RTTM
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


def test_run_killed_while_unpacking_goes_on_with_its_archive(run):
    assert run("--keep-archives") == 0
    (run.dev / "SHA256SUMS").unlink()
    (run.dev / "audio" / "ahnss.wav").unlink()
    kept = (run.dev / "audio" / "abjxc.wav").stat().st_ino
    run.server.files.clear()
    assert run() == 0
    assert (run.dev / "audio" / "ahnss.wav").read_bytes() == audio_files()["audio/ahnss.wav"]
    assert (run.dev / "audio" / "abjxc.wav").stat().st_ino == kept
    assert not (run.folder / AUDIO).exists()


# Refused


def test_absent_page_is_told(run, refusal):
    del run.server.files[AUDIO]
    assert f"cannot download {run.server.url}/{AUDIO}: 404 Not Found\n" in refusal()


def test_absent_local_archive_is_told(run, refusal):
    assert "no file /nowhere/a.zip, expected a zip" in refusal("--audio_url=/nowhere/a.zip")


def test_url_without_a_file_is_told(run, refusal):
    assert "names no file" in refusal(f"--audio_url={run.server.url}/")


def test_archive_that_changed_since_first_use_is_refused_and_removed(run, refusal):
    assert run() == 0
    shutil.rmtree(run.dev)
    run.server.files[AUDIO] = packed(audio_files() | {"audio/abjxc.wav": wav(9)})
    err = refusal()
    assert "expected " in err
    assert f"as recorded in {run.folder / AUDIO}.sha256 on first use" in err
    assert not (run.folder / AUDIO).exists()


@pytest.mark.parametrize("content", [archives()[AUDIO][:-500], b"<html>log in</html>"])
def test_what_is_no_whole_archive_is_refused_and_not_recorded(run, refusal, content):
    run.server.files[AUDIO] = content
    assert f"{AUDIO}: no whole zip archive (File is not a zip file); it was removed" in refusal()
    assert not (run.folder / AUDIO).exists()
    assert not (run.folder / f"{AUDIO}.sha256").exists()
    run.server.files[AUDIO] = archives()[AUDIO]
    assert run() == 0


def test_damaged_local_archive_is_left_to_its_owner(run, refusal, tmp_path):
    (tmp_path / AUDIO).write_bytes(archives()[AUDIO][:-500])
    assert f"{tmp_path / AUDIO}: no whole zip" in refusal(f"--audio_url={tmp_path / AUDIO}")
    assert (tmp_path / AUDIO).exists()


def test_wrong_bytes_within_an_archive_are_refused(run, refusal):
    content = bytearray(run.server.files[AUDIO])
    content[3000] ^= 255
    run.server.files[AUDIO] = bytes(content)
    assert "audio/abjxc.wav cannot be unpacked" in refusal()
    assert not (run.folder / AUDIO).exists()


def test_recording_without_reference_is_named(run, refusal):
    run.server.files[RTTM] = packed(rttm_files(NAMES[1:]))
    err = refusal()
    assert f"{run.folder / RTTM} holds no reference of abjxc of 3 in {run.folder / AUDIO}" in err


def test_reference_without_recording_is_named(run, refusal):
    run.server.files[AUDIO] = packed(audio_files(NAMES[:2]))
    assert f"{AUDIO} holds no recording of ahnss of 3" in refusal()


def test_archive_of_the_other_set_is_told(run, refusal):
    run.server.files[AUDIO] = packed(audio_files(tuple(f"other{n}" for n in "abcdefg")))
    assert "othera, otherb, otherc, otherd, othere and 2 more of 7" in refusal()


def test_archive_without_the_set_is_told(run, refusal):
    run.server.files[RTTM] = packed({"voxconverse/README.md": b""})
    assert f"{RTTM}: no *.rttm file in a folder dev" in refusal()


@pytest.mark.parametrize("path", ["../evil.wav", "/evil.wav", "audio/../../evil.wav", "..\\e.wav"])
def test_path_that_leads_out_of_the_folder_is_refused(run, refusal, path):
    run.server.files[AUDIO] = packed(audio_files() | {path: wav()})
    assert f"unsafe path {path!r}" in refusal()
    assert not list(run.data_dir.parent.rglob("*.wav"))


def test_link_within_an_archive_is_refused(run, refusal):
    link = zipfile.ZipInfo("audio/abjxc.wav")
    link.external_attr = 0o120777 << 16
    path = run.data_dir.parent / "link.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "unsafe path 'audio/abjxc.wav'" in refusal(f"--audio_url={path}")


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
    assert f"{AUDIO}: afjiv: {reason}" in refusal()
    assert not (run.dev / "audio" / "afjiv.wav").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (rttm("other"), "line 1 of afjiv.rttm is 'SPEAKER other 1"),
        (rttm("afjiv") + b"SPEAKER afjiv 1 0.1\n", "line 2 of afjiv.rttm is 'SPEAKER afjiv 1 0.1'"),
        (rttm("afjiv").replace(b"0.02", b"-0.02"), "line 1 of afjiv.rttm"),
        (b"\n", "afjiv.rttm holds no turn"),
    ],
)
def test_reference_that_is_none_is_refused(run, refusal, content, reason):
    files = rttm_files() | {f"voxconverse-{COMMIT}/dev/afjiv.rttm": content}
    run.server.files[RTTM] = packed(files)
    assert reason in refusal()


def test_two_files_of_one_recording_are_refused(run, refusal):
    run.server.files[AUDIO] = packed(audio_files() | {"more/abjxc.wav": wav()})
    assert "two files of recording abjxc" in refusal()


def test_name_that_is_no_id_is_refused(run, refusal):
    run.server.files[AUDIO] = packed(audio_files() | {"audio/a b.wav": wav()})
    assert "'audio/a b.wav' is not named after a recording" in refusal()


def test_lack_of_space_is_told_and_the_archive_kept(run, refusal, monkeypatch):
    free = [1_000_000_000, 1_000_000_000, 100]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free.pop(0)))
    err = refusal()
    assert f"not enough space in {run.dev}: 0.0 GB are free" in err
    assert "for 3 recordings" in err
    assert (run.folder / AUDIO).exists()


def test_folder_that_cannot_be_made_is_told(run, refusal):
    run.data_dir.write_bytes(b"a file")
    assert str(run.data_dir) in refusal()


def test_two_runs_do_not_meet(run, refusal):
    with alone_in(run.folder):
        assert f"another run is at work in {run.folder}" in refusal()
    assert run() == 0


def test_references_of_another_version_are_told(run, capsys):
    run.server.files[RTTM] = packed(rttm_files(), "f" * 40)
    assert run() == 0
    assert f"commit {'f' * 40}, not the {COMMIT} of version 0.3" in capsys.readouterr().out


# Command line


def test_help_names_sources_licence_and_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        prepare_voxconverse.main(["--help"])
    assert stopped.value.code == 0
    text = "".join(capsys.readouterr().out.split())
    for expected in (AUDIO_URL.format(name="<set>"), RTTM_URL, "version0.3", "CCBY4.0"):
        assert expected in text


def test_unknown_set_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as stopped:
        prepare_voxconverse.main(["train"])
    assert stopped.value.code == 2


def test_script_is_a_thin_shell_around_the_program():
    script = Path(prepare_voxconverse.__file__).with_suffix(".sh")
    assert script.stat().st_mode & 0o111
    assert script.read_text().count('"$root/scripts/setup/prepare_voxconverse.py" "$@"\n') == 1

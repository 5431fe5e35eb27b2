"""What the page needs beside the jobs: sound, report, limits, and its files."""

import base64
import errno
import io
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import anyio
import pytest
import soundfile

from gateways import Caller, assert_problem, wait_until
from media_files import noise, write_media
from viewer.page import STYLES
from viewer.sound import encode_sound
from web.jobs import views

ANA = {"start_s": 0.25, "end_s": 0.75, "speaker": "Ana María"}


@pytest.fixture
def job(gateway, tmp_path):
    """A job that is done, of two seconds as a browser records them; its path."""
    path = gateway.start(write_media(tmp_path / "talk.webm", noise(32_000)))
    assert gateway.ended(path)["state"] == "done"
    return path


def test_a_player_gets_flac_that_it_can_seek(gateway, job):
    whole = gateway.get(f"{job}/sound")
    part = gateway.get(f"{job}/sound", headers={"Range": "bytes=4-41"})

    samples, rate_hz = soundfile.read(io.BytesIO(whole.content))
    assert whole.headers["Content-Type"] == "audio/flac"
    assert whole.headers["Cache-Control"] == "no-store"
    assert rate_hz == 16_000
    assert len(samples) == pytest.approx(32_000, abs=800)  # Opus adds a part of a frame
    assert samples.std() > 0.01
    assert (part.status_code, part.content) == (206, whole.content[4:42])


@pytest.mark.parametrize("part", ["audio", "sound"])
def test_head_does_not_read_the_file(part, gateway, job, monkeypatch):
    path = f"{job}/{part}"
    whole = gateway.get(path)
    monkeypatch.setattr(anyio, "open_file", None)  # as Starlette reads files

    answer = gateway.ask("HEAD", path)
    some = gateway.ask("HEAD", path, headers={"Range": "bytes=10-19"})

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == whole.headers["Content-Length"]
    assert answer.headers["ETag"] == whole.headers["ETag"]
    assert (some.status_code, some.headers["Content-Length"]) == (206, "10")


def test_the_report_is_that_of_the_client_with_the_corrected_names(gateway, job):
    gateway.ask("PUT", f"{job}/turns", json={"turns": [ANA]})

    report = gateway.get(f"{job}/report")

    assert report.headers["Content-Type"] == "text/html; charset=utf-8"
    assert report.headers["Content-Disposition"] == "attachment; filename*=UTF-8''talk.html"
    assert "Ana María" in report.text
    assert "SPEAKER_00" not in report.text
    assert "class DiarizationView" in report.text


@pytest.fixture
def decoding(monkeypatch):
    """Decoding takes until `go_on` is set; `begun` lists the recordings."""

    held = SimpleNamespace(go_on=threading.Event(), begun=[])

    def hear(file, audio, stopped):
        held.stopped = stopped
        held.begun.append(audio)
        assert held.go_on.wait(60)
        return encode_sound(file, audio, stopped)

    monkeypatch.setattr(views, "encode_sound", hear)
    yield held
    held.go_on.set()


@pytest.mark.parametrize("most_bytes", [0, 10**9])
def test_the_report_contains_the_sound_unless_it_is_too_long(most_bytes, gateway, job, monkeypatch):
    monkeypatch.setattr(views, "MOST_EMBEDDED_BYTES", most_bytes)
    monkeypatch.setattr(views, "PIECE_BYTES", 3000)

    (embedded,) = re.findall(r'id="sound"[^>]*>([^<]*)<', gateway.get(f"{job}/report").text)

    expected = gateway.get(f"{job}/sound").content if most_bytes else b""
    assert base64.b64decode(embedded, validate=True) == expected


def test_a_recording_is_decoded_once_and_delays_no_other_request(gateway, job, decoding, wav):
    others = [gateway.start(wav(f"{number}.wav")) for number in range(2)]
    for other in others:
        gateway.ended(other)
    with ThreadPoolExecutor(60) as threads:
        asked = [threads.submit(Caller(gateway.url).get, f"{job}/view") for _ in range(50)]
        asked += [threads.submit(Caller(gateway.url).get, f"{other}/sound") for other in others]
        wait_until(lambda: len(decoding.begun) == views.N_DECODERS)

        assert gateway.send(wav("a.wav")).status_code == 200
        decoding.go_on.set()
        answers = [each.result() for each in asked]

    assert {answer.status_code for answer in answers} == {200}
    assert len(decoding.begun) == 3
    assert gateway.gateway.store.stored_bytes() == sum(
        path.stat().st_size for path in gateway.files() if path.name in ("audio", "sound")
    )


def test_a_job_can_be_removed_while_it_is_decoded(gateway, job, decoding):
    with ThreadPoolExecutor(1) as threads:
        view = threads.submit(Caller(gateway.url).get, f"{job}/view")
        wait_until(lambda: decoding.begun)
        assert not decoding.stopped()
        gateway.ask("DELETE", job)
        assert decoding.stopped()
        decoding.go_on.set()

    assert_problem(view.result(), 404, "removed")
    assert gateway.files() == []


def test_a_full_disk_is_not_reported_as_a_removed_job(gateway, job, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(views, "encode_sound", full)

    assert_problem(gateway.get(f"{job}/view"), 507, "no room")
    assert {path.name for path in gateway.files()} == {"audio", "job.json", "answer.json"}


def test_sound_and_waveform_are_removed_with_the_job(gateway, job):
    for part in ("view", "sound", "report"):
        assert gateway.get(f"{job}/{part}").status_code == 200
    assert {"peaks", "sound"} <= {path.name for path in gateway.files()}

    gateway.ask("DELETE", job)

    assert gateway.files() == []
    for part in ("view", "sound", "report"):
        assert_problem(gateway.get(f"{job}/{part}"), 404)


def test_the_limits_are_reported(gateway, settings):
    assert gateway.get("/v1/limits").json() == {
        "most_upload_bytes": settings.max_upload_bytes,
        "keep_s": settings.keep_s,
    }


def test_the_page_loads_its_files_and_those_of_the_viewer(gateway):
    page = gateway.get("/")

    found = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert [link for link in found if link.startswith("viewer/")] == [
        f"viewer/{name}" for name in STYLES
    ]
    kinds = {"js": "javascript", "css": "text/css", "svg": "image/svg+xml"}
    for link in found:
        file = gateway.get(f"/{link}")
        assert file.status_code == 200, link
        assert kinds[link.rpartition(".")[2]] in file.headers["Content-Type"]
        assert "default-src 'self'" in file.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/web/page/main.js", "/viewer/viewer.js"])
def test_files_are_revalidated_and_sent_only_if_they_have_changed(path, gateway):
    first = gateway.get(path)

    again = gateway.get(path, headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["Cache-Control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/web/page/frame.html",
        "/web/page/..%2fapp.py",
        "/web/page/%2e%2e/app.py",
        "/viewer/page.py",
        "/viewer/..%2fclient.py",
        "/viewer/",
    ],
)
def test_no_other_files_are_served(path, gateway):
    assert_problem(gateway.get(path), 404)

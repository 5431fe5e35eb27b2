"""The gateway's disk: no more on it than may be, and what happens where it is full."""

import errno
import http.client
import threading
from dataclasses import replace
from urllib.parse import urlsplit

from formats.atomic_file import OutputError
from gateways import assert_problem, serving, wait_until
from integration.client_fake_server import one_turn
from web.jobs import work_folder

FORM = {"Content-Type": "multipart/form-data; boundary=x"}


def test_no_more_is_kept_than_may(settings, wav):
    with serving(replace(settings, max_stored_bytes=800)) as gateway:
        job = gateway.start(wav("a.wav"))
        gateway.ended(job)
        refused = gateway.send(wav("a.wav"))
        gateway.ask("DELETE", job)
        later = gateway.send(wav("a.wav"))

    assert_problem(refused, 503, "of 800 bytes", "are kept")
    assert later.status_code == 200


def full_disk(*_):
    raise OutputError("cannot write /tmp/x") from OSError(errno.ENOSPC, "no space")


def test_a_full_disk_is_told_and_passes(settings, wav, monkeypatch):
    with serving(replace(settings, n_workers=1)) as gateway:
        job = gateway.start(wav("a.wav"))
        gateway.ended(job)
        with monkeypatch.context() as patched:
            patched.setattr(work_folder, "write_atomically", full_disk)
            refused = gateway.send(wav("a.wav"))
            correction = gateway.ask("PUT", f"{job}/turns", json={"turns": []})
        gateway.ask("DELETE", job)
        left = gateway.files()
        later = gateway.send(wav("a.wav"))

    assert_problem(refused, 507, "no room")
    assert_problem(correction, 507, "no room")
    assert left == []
    assert later.status_code == 200


def test_a_disk_that_is_full_once_a_job_waits_stops_no_worker(settings, triton, wav, monkeypatch):
    held = threading.Event()
    triton.reply = lambda call: held.wait(60) and one_turn(call)
    with serving(replace(settings, n_workers=1)) as gateway:
        jobs = [gateway.start(wav("a.wav")) for _ in range(2)]
        wait_until(lambda: triton.calls)
        with monkeypatch.context() as patched:
            patched.setattr(work_folder, "write_atomically", full_disk)
            held.set()
            ended = [gateway.ended(job) for job in jobs]
        later = gateway.send(wav("a.wav"))

    assert [job["problem"]["status"] for job in ended] == [507, 507]
    assert later.status_code == 200


def test_what_has_come_of_an_upload_counts_as_kept(settings, wav):
    with serving(replace(settings, max_stored_bytes=1000)) as gateway:
        connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=60)
        connection.putrequest("POST", "/v1/diarize")
        connection.putheader("Content-Length", "900")
        connection.putheader("Content-Type", FORM["Content-Type"])
        connection.endheaders(b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n')
        wait_until(gateway.files)
        before = gateway.send(wav("a.wav"))
        connection.send(bytes(600))
        answers = []
        wait_until(lambda: answers.append(gateway.send(wav("a.wav"))) or not answers[-1].ok)
        connection.close()
        wait_until(lambda: gateway.files() == [])
        later = gateway.send(wav("a.wav"))

    assert before.status_code == later.status_code == 200
    assert_problem(answers[-1], 503, "of 1000 bytes", "belong to uploads in progress")


def test_an_upload_for_which_there_is_no_room_is_refused_before_it_comes(settings):
    with serving(replace(settings, max_stored_bytes=1000)) as gateway:
        connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=60)
        connection.putrequest("POST", "/v1/diarize")
        connection.putheader("Content-Length", "1001")
        connection.putheader("Content-Type", FORM["Content-Type"])
        connection.endheaders()

        with connection.getresponse() as answer:
            assert answer.status == 503
        connection.close()


def test_an_upload_of_no_length_is_refused_once_there_is_no_room(settings):
    with serving(replace(settings, max_stored_bytes=1000)) as gateway:
        pieces = [b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\n", *[bytes(100)] * 20]
        refused = gateway.ask("POST", "/v1/diarize", data=iter(pieces), headers=FORM)
        left = gateway.files()

    assert_problem(refused, 503, "no room for", "of 1000 bytes")
    assert left == []

"""How uploads are received: within limits of size, time and disk space, and only valid forms."""

import time
from dataclasses import replace

import pytest

from gateways import (
    FILE_HEAD,
    FORM,
    FORM_END,
    PROBLEM,
    assert_problem,
    begin_upload,
    chunk,
    serving,
    wait_until,
)
from web.jobs import uploads

LIMIT = 100_000


@pytest.fixture
def small(settings):
    with serving(replace(settings, max_upload_bytes=LIMIT)) as gateway:
        yield gateway


def pieces(n_bytes):
    """Pieces of a form with a file of this size."""
    return [FILE_HEAD, *[bytes(1000)] * (n_bytes // 1000), FORM_END]


def post(gateway, body):
    return gateway.ask("POST", "/v1/diarize", data=body, headers=FORM)


def part(header, content=b"1"):
    """A part of a form with this Content-Disposition."""
    return b"--x\r\nContent-Disposition: form-data" + header + b"\r\n\r\n" + content + b"\r\n"


def test_a_file_of_the_maximum_size_is_accepted_and_one_byte_more_is_not(small, wav):
    n_samples = (LIMIT - 44) // 2

    assert small.send(wav("a.wav", n_samples)).status_code == 200
    assert_problem(small.send(wav("b.wav", n_samples + 1)), 413, f"at most {LIMIT} bytes")
    assert small.files() == []


def test_a_body_whose_declared_length_is_too_large_is_refused_unread(small):
    connection = begin_upload(small.url, 10**12)

    answer = connection.getresponse()

    assert (answer.status, answer.headers["Content-Type"]) == (413, PROBLEM)
    connection.close()


def test_a_body_without_a_length_is_counted(small):
    answer = post(small, iter(pieces(2 * LIMIT)))

    assert_problem(answer, 413, f"at most {LIMIT} bytes")
    assert small.files() == []


def test_an_endless_body_is_refused_before_its_end(small):
    connection = begin_upload(small.url, None, FILE_HEAD)
    for _ in range(3 * LIMIT // 1000):
        connection.send(chunk(bytes(1000)))

    assert connection.getresponse().status == 413
    connection.close()


def test_a_body_is_streamed_to_disk(gateway):
    def slowly():
        yield from pieces(1_000_000)[:900]
        wait_until(lambda: [path.stat().st_size for path in gateway.files()] > [500_000])
        yield from pieces(100_000)[1:]

    assert_problem(post(gateway, slowly()), 415)
    assert gateway.files() == []


def test_a_stalled_body_is_refused(gateway, monkeypatch):
    monkeypatch.setattr(uploads, "PERIOD_S", 0.1)
    connection = begin_upload(gateway.url, 1000, b"--x\r\n")

    assert connection.getresponse().status == 408
    assert gateway.files() == []
    connection.close()


def test_a_slow_body_is_refused_with_the_reason(gateway, monkeypatch):
    monkeypatch.setattr(uploads, "PERIOD_S", 0.2)
    monkeypatch.setattr(uploads, "MIN_BYTES_PER_S", 100)

    def trickle():
        for byte in FILE_HEAD:
            time.sleep(0.02)
            yield bytes([byte])

    answer = post(gateway, trickle())

    assert_problem(answer, 408, "bytes of the body came in 0.2 s, expected at least 100 a second")
    assert gateway.files() == []


def test_a_body_at_the_minimum_rate_is_accepted(gateway, wav, monkeypatch):
    monkeypatch.setattr(uploads, "PERIOD_S", 0.5)
    monkeypatch.setattr(uploads, "MIN_BYTES_PER_S", 1000)
    content = wav("a.wav", 1600).read_bytes()

    def slowly():
        yield FILE_HEAD
        for start in range(0, len(content), 300):
            time.sleep(0.1)
            yield content[start : start + 300]
        yield FORM_END

    assert post(gateway, slowly()).status_code == 200


def test_a_broken_off_upload_leaves_no_file(gateway):
    connection = begin_upload(gateway.url, 10_000, b"--x\r\n")
    wait_until(gateway.files)
    connection.close()

    wait_until(lambda: gateway.files() == [])


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"not a form at all", 400, "multipart"),
        (b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nRIFF', 400, "breaks off"),
        (part(b"") + b"--x--\r\n", 400, "no name"),
        (b"--x--\r\n", 422, "file"),
        (part(b'; name="mode"', b"full") * 2 + b"--x--\r\n", 422, "mode"),
        (part(b'; name="mode"', bytes(2000)) + b"--x--\r\n", 422, "mode"),
        (part(b'; name="recording_id"', b"\xff") + b"--x--\r\n", 400, "not UTF-8"),
        (part(b'; name="\xff"') + b"--x--\r\n", 400, "not UTF-8"),
        (b"".join(part(b'; name="%d"' % number) for number in range(1000)), 422, "at most 20"),
        (part(b'; name="a"\r\n' + b"X-A: b\r\n" * 5000), 400, "header count"),
        (part(b'; name="a"\r\nX-A: ' + b"b" * 60_000), 400, "header size"),
        (part(b'; name="a"\r\n' + b"X" * 60_000), 400, "header size"),
    ],
)
def test_a_malformed_form_is_refused_with_the_reason(body, status, words, gateway):
    assert_problem(post(gateway, body), status, words)
    assert gateway.files() == []


def test_the_name_of_a_file_may_be_any_bytes(gateway, wav):
    head = FILE_HEAD.replace(b"a.wav", b"\xff\0\xed\xa0.wav")

    assert post(gateway, head + wav("a.wav").read_bytes() + FORM_END).status_code == 200


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", ""])
def test_a_body_of_another_type_is_refused(kind, gateway):
    answer = gateway.ask("POST", "/v1/diarize", data=b"{}", headers={"Content-Type": kind})

    assert_problem(answer, 415, "multipart/form-data")


def test_an_address_has_a_limited_number_of_uploads(settings, wav):
    with serving(replace(settings, max_client_uploads=2)) as gateway:
        open_uploads = [begin_upload(gateway.url, 10**6, b"--x\r\n") for _ in range(2)]
        wait_until(lambda: len(gateway.files()) == 2)
        refused = gateway.send(wav("a.wav"))
        open_uploads.pop().close()
        wait_until(lambda: len(gateway.files()) == 1)
        later = gateway.send(wav("a.wav"))
        open_uploads.pop().close()

    assert_problem(refused, 429, "2 uploads from this address are in progress")
    assert int(refused.headers["Retry-After"]) >= 1
    assert later.status_code == 200


def test_the_queue_is_limited(settings, held, wav):
    with serving(replace(settings, n_workers=1, max_waiting=1)) as gateway:
        first = gateway.start(wav("a.wav"))
        wait_until(lambda: gateway.state(first) == "running")
        waiting = [gateway.start(wav("a.wav")) for _ in range(2)]
        refused = gateway.send(wav("a.wav"))
        held.set()
        for job in waiting:
            gateway.ended(job)
        later = gateway.send(wav("a.wav"))

    assert_problem(refused, 503, "2 recordings wait and 0 uploads are in progress", "at most 2")
    assert int(refused.headers["Retry-After"]) >= 1
    assert later.status_code == 200


def test_kept_recordings_count_towards_the_disk_space(settings, wav):
    with serving(replace(settings, max_stored_bytes=800)) as gateway:
        job = gateway.start(wav("a.wav"))
        gateway.ended(job)
        refused = gateway.send(wav("a.wav"))
        gateway.ask("DELETE", job)
        later = gateway.send(wav("a.wav"))

    assert_problem(refused, 503, "of 800 bytes", "are kept")
    assert later.status_code == 200


def test_the_received_part_of_an_upload_counts_towards_the_disk_space(settings, wav):
    with serving(replace(settings, max_stored_bytes=1000)) as gateway:
        connection = begin_upload(gateway.url, 900, FILE_HEAD)
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


def test_the_missing_part_of_an_upload_does_not_count(settings, wav):
    room = {"max_stored_bytes": 1_000_000, "max_upload_bytes": 1_000_000, "max_client_uploads": 30}
    with serving(replace(settings, **room)) as gateway:
        open_uploads = [
            begin_upload(gateway.url, n_bytes, b"--x\r\n") for n_bytes in [None, 900_000] * 10
        ]
        wait_until(lambda: len(gateway.files()) == len(open_uploads))
        answer = gateway.send(wav("a.wav"))
        for connection in open_uploads:
            connection.close()

    assert answer.status_code == 200


def test_an_upload_without_space_for_its_declared_length_is_refused_unread(settings):
    with serving(replace(settings, max_stored_bytes=1000)) as gateway:
        connection = begin_upload(gateway.url, 1001)

        assert connection.getresponse().status == 503
        connection.close()


def test_an_upload_without_a_length_is_refused_once_the_space_is_used_up(settings):
    with serving(replace(settings, max_stored_bytes=1000)) as gateway:
        refused = post(gateway, iter([FILE_HEAD, *[bytes(100)] * 20]))
        left = gateway.files()

    assert_problem(refused, 503, "no room for", "of 1000 bytes")
    assert left == []

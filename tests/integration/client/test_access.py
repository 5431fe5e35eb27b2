"""The client and guarded servers: keys in headers, and an encrypted connection."""

import grpc
import numpy as np
import pytest
import soundfile
import trustme

import client
from integration.client_fake_server import FakeTriton, RefusalError

SECRET = "s3cr3t"


@pytest.fixture
def wav(tmp_path):
    path = tmp_path / "talk.wav"
    soundfile.write(path, np.zeros(160), 16_000)
    return path


def run(url, wav, *more):
    return client.main(["--url", url, "--audio_file", str(wav), *map(str, more)])


def test_headers_are_sent_with_every_call_and_never_printed(triton, wav, tmp_path, capfd):
    (tmp_path / "keys").write_text(f"X-Key: {SECRET}\n")

    code = run(triton.url, wav, "-v", "--header", f"@{tmp_path / 'keys'}", "--header", "x-team:red")

    assert code == 0
    assert len(triton.headers) == 2  # is it ready, and the recording
    assert all(each["x-key"] == SECRET and each["x-team"] == "red" for each in triton.headers)
    assert SECRET not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--header", "x-key: 1", "--header", "X-Key: 2"], "header 'x-key' is given twice"),
        (["--ssl_ca", "absent.pem"], "cannot read absent.pem: No such file or directory"),
        (["--ssl_cert", "absent.pem"], "expected both --ssl_cert and --ssl_key or neither"),
    ],
)
def test_invalid_access_options_are_reported(more, words, triton, wav, capfd):
    code = run(triton.url, wav, *more)

    err = capfd.readouterr().err
    assert code == 2
    assert triton.headers == []
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("status", ["UNAUTHENTICATED", "PERMISSION_DENIED"])
def test_refused_access_is_reported_as_such(status, triton, wav, capfd, monkeypatch):
    def refuse(_, request, context):
        context.abort(grpc.StatusCode[status], "who are you?")

    monkeypatch.setattr(FakeTriton, "ModelReady", refuse)
    with FakeTriton() as guarded:
        code = run(guarded.url, wav)

    err = capfd.readouterr().err
    assert code == 1
    assert f"{guarded.url}: the server refuses access (who are you?)" in err
    assert "no Triton server" not in err


def test_a_server_without_tls_is_reported_as_such(triton, wav, tmp_path, capfd):
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    code = run(triton.url, wav, "--ssl_ca", tmp_path / "ca.pem")

    assert code == 1
    assert "it does not seem to speak TLS: leave --ssl and its files out" in capfd.readouterr().err


def test_a_refusal_of_one_recording_does_not_end_the_run(triton, wav, capfd):
    def reply(call):
        raise RefusalError("not yours", grpc.StatusCode.PERMISSION_DENIED)

    triton.reply = reply

    code = run(triton.url, wav)

    assert code == 1
    assert "talk: the server refuses access (not yours)" in capfd.readouterr().err

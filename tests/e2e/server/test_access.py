"""A guarded server: encrypted, asking for the client's certificate, and with a key to its models.

A client that has everything is answered; otherwise the error names what is missing.
"""

import time

import pytest
import trustme

from e2e.calls import run_client
from server.triton_server import TritonServer

SECRET = "s3cr3t"
KEY_HEADER = "triton-grpc-protocol-lab-key"
AT_ONCE_S = 60  # well below --retry_for, which does not apply to refused clients

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    """Paths (PEM) by name: the authority, unknown authority, server, client, unknown client."""
    folder = tmp_path_factory.mktemp("pem")
    authority, unknown = trustme.CA(), trustme.CA()
    certificates = {
        "server": authority.issue_cert("localhost", "127.0.0.1"),
        "client": authority.issue_cert("client.example"),
        "unknown_client": unknown.issue_cert("client.example"),
    }
    blobs = {"ca": authority.cert_pem, "unknown_ca": unknown.cert_pem}
    for name, certificate in certificates.items():
        blobs[name] = certificate.cert_chain_pems[0]
        blobs[f"{name}_key"] = certificate.private_key_pem
    for name, blob in blobs.items():
        blob.write_to_path(str(folder / name))
    return {name: folder / name for name in blobs}


@pytest.fixture(scope="module")
def guarded(pem, tmp_path_factory):
    flags = [
        "--grpc-use-ssl=true",
        "--grpc-use-ssl-mutual=true",
        f"--grpc-server-cert={pem['server']}",
        f"--grpc-server-key={pem['server_key']}",
        f"--grpc-root-cert={pem['ca']}",
        f"--grpc-restricted-protocol=inference,health:lab-key={SECRET}",
    ]
    with TritonServer(tmp_path_factory.mktemp("guarded") / "tritonserver.log", flags=flags) as own:
        yield own


@pytest.fixture
def ask(guarded, sample, tmp_path):
    """A function that sends the sample with these flags; returns the finished client."""

    def run(*flags):
        began_s = time.monotonic()
        out = ("--audio_file", sample, "--output_directory", tmp_path / "out")
        finished = run_client(guarded, *out, *flags)
        assert SECRET not in finished.stdout + finished.stderr
        assert finished.returncode == 0 or time.monotonic() - began_s < AT_ONCE_S
        return finished

    return run


def ca(pem):
    return ("--ssl_ca", pem["ca"])


def own(pem, name="client"):
    return ("--ssl_cert", pem[name], "--ssl_key", pem[f"{name}_key"])


def key(value=SECRET):
    return ("--header", f"{KEY_HEADER}: {value}")


def assert_error(finished, *words):
    """Assert that the client failed with one sentence that has these words."""
    assert finished.returncode == 1
    assert finished.stderr.count("\n") == 1, finished.stderr
    assert all(word in finished.stderr for word in words), finished.stderr


def test_a_client_with_certificate_and_key_is_answered(ask, pem, tmp_path):
    (tmp_path / "keys").write_text(f"{KEY_HEADER}: {SECRET}\n")

    finished = ask(*ca(pem), *own(pem), "--header", f"@{tmp_path / 'keys'}")

    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "out" / "rttm_sample").read_text().startswith("SPEAKER sample 1 ")


@pytest.mark.parametrize("header", [(), key("wrong")])
def test_a_client_without_the_key_gets_an_explanation(header, ask, pem):
    finished = ask(*ca(pem), *own(pem), *header)

    assert_error(finished, f"refuses access: it expects the header '{KEY_HEADER}'", "see --header")
    assert "no Triton server" not in finished.stderr


def test_a_client_without_tls_gets_an_explanation(ask):
    assert_error(
        ask(*key()), "no Triton server answers gRPC at", "if it speaks TLS, it expects --ssl"
    )


def test_a_client_without_a_certificate_gets_an_explanation(ask, pem):
    assert_error(ask(*ca(pem), *key()), "it may expect a certificate of yours, see --ssl_cert")


def test_a_client_with_an_unknown_certificate_gets_an_explanation(ask, pem):
    finished = ask(*ca(pem), *own(pem, "unknown_client"), *key())

    assert_error(finished, "it may not trust the certificate in --ssl_cert")


@pytest.mark.parametrize("authority", ["unknown_ca", None])
def test_a_client_that_does_not_trust_the_server_gets_an_explanation(authority, ask, pem):
    known = ("--ssl_ca", pem[authority]) if authority else ()

    assert_error(ask(*known, *own(pem), *key()), "certificate", "of an authority in --ssl_ca")

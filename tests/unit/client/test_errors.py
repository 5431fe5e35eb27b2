import pytest
from tritonclient.utils import InferenceServerException

from sending.access import Tls
from sending.errors import is_refused, is_transient, no_service, reason

RESTRICTED = "This protocol is restricted, expecting header 'triton-grpc-protocol-key'"
# As gRPC and Triton gave them when a server was killed, stopped, or lost a model's process.
REFUSED = (
    "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:33359: Failed to "
    "connect to remote host: Connection refused"
)
STOPPING = "[request id: <id_unknown>] Server is stopping, scheduler for model has stopped"
UNLOADED = "Request for unknown model: 'run' has no available versions"
STUB = "Stub process 'run_0_0' is not healthy."
OLDER_STUB = "Failed to process the request(s) for model instance 'sad_0', message: " + STUB
TLS = "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Tls handshake "
UNTRUSTED = TLS + "failed: CERTIFICATE_VERIFY_FAILED: self signed certificate: OK"
NO_TLS_THERE = TLS + "failed: WRONG_VERSION_NUMBER: Invalid certificate verification context: OK"
OTHER_HOST = TLS + "failed: UNAUTHENTICATED: Hostname Verification Check failed."
HUNG_UP = "failed to connect to all addresses; last error: UNAVAILABLE: ipv4:1: Socket closed"


def error(text, status):
    return InferenceServerException(text, f"StatusCode.{status}")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (REFUSED, "UNAVAILABLE"),
        (STOPPING, "UNAVAILABLE"),
        (UNLOADED, "NOT_FOUND"),
        ("model 'sad' failed; the server's log says why", "UNAVAILABLE"),
        ("Exceeds maximum queue size", "UNAVAILABLE"),
        ("Stream removed (Socket closed)", "UNAVAILABLE"),
        ("Stream removed", "UNKNOWN"),
        (STUB, "INTERNAL"),
        (OLDER_STUB, "INTERNAL"),
        ("Received RST_STREAM with error code 2", "INTERNAL"),
    ],
)
def test_errors_of_a_restarting_server_are_transient(text, status):
    assert is_transient(error(text, status))


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (RESTRICTED, "UNAVAILABLE"),
        ("AUDIO: got 7 bytes", "INVALID_ARGUMENT"),
        ("Deadline Exceeded", "DEADLINE_EXCEEDED"),
        ("Locally cancelled", "CANCELLED"),
        ("internal error", "INTERNAL"),
        ("no such thing", "NOT_FOUND"),
        ("Stub process is not healthy", "INVALID_ARGUMENT"),
        ("", "RESOURCE_EXHAUSTED"),
    ],
)
def test_other_errors_are_not_transient(text, status):
    assert not is_transient(error(text, status))


@pytest.mark.parametrize(
    ("text", "status", "sentence"),
    [
        ("Deadline Exceeded", "DEADLINE_EXCEEDED", "no answer within 2.5 s (--timeout)"),
        (REFUSED, "UNAVAILABLE", "no connection to the server (Connection refused)"),
        (
            "Stream removed (Socket closed)",
            "UNAVAILABLE",
            "the connection broke while it was being diarized (Stream removed (Socket closed))",
        ),
        ("AUDIO: got\n 7 bytes.", "INVALID_ARGUMENT", "AUDIO: got 7 bytes"),
        (
            RESTRICTED,
            "UNAVAILABLE",
            "the server refuses access: it expects the header 'triton-grpc-protocol-key' with its "
            "key, see --header",
        ),
        (
            "token expired",
            "UNAUTHENTICATED",
            "the server refuses access (token expired): it may expect a key, see --header",
        ),
    ],
)
def test_the_reason_is_one_sentence(text, status, sentence):
    assert reason(error(text, status), 2.5) == sentence


@pytest.mark.parametrize(
    ("text", "tls", "cause", "remedy"),
    [
        (REFUSED, None, "(Connection refused)", "expected host:port of its gRPC port"),
        (UNTRUSTED, Tls(), "(self signed certificate)", "an authority in --ssl_ca"),
        (NO_TLS_THERE, Tls(), "(Invalid", "leave --ssl and its files out"),
        (OTHER_HOST, Tls(), "(Hostname Verification Check failed)", "host name in --url"),
        (HUNG_UP, None, "(Socket closed)", "if it speaks TLS, it expects --ssl"),
        (HUNG_UP, Tls(), "(Socket closed)", "it may expect a certificate of yours"),
        (HUNG_UP, Tls(cert="c", key="k"), "(Socket closed)", "may not trust the certificate"),
    ],
)
def test_an_unreachable_server_is_reported_with_cause_and_remedy(text, tls, cause, remedy):
    sentence = no_service(error(text, "UNAVAILABLE"), "host:8001", tls)

    assert sentence.startswith("no Triton server answers gRPC at host:8001 " + cause)
    assert remedy in sentence


def test_refused_access_is_not_reported_as_an_absent_server():
    sentence = no_service(error(RESTRICTED, "UNAVAILABLE"), "host:8001", None)

    assert sentence.startswith("host:8001: the server refuses access: it expects the header ")


def test_only_what_is_wrong_with_the_request_itself_is_refused():
    assert is_refused(error("AUDIO: got 7 bytes", "INVALID_ARGUMENT"))
    assert not is_refused(error(STOPPING, "UNAVAILABLE"))
    assert not is_refused(error("Deadline Exceeded", "DEADLINE_EXCEEDED"))

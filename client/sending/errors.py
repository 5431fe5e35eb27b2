"""The errors of gRPC and of Triton: as a sentence for the user, and whether to retry.

The texts are those of Triton 2.51 to 2.60 and gRPC. Errors of other versions with other texts are
shown as they are, and only UNAVAILABLE is retried.
"""

import re

from tritonclient.utils import InferenceServerException

from sending.access import Tls

_TOO_LATE = "StatusCode.DEADLINE_EXCEEDED"
_UNAVAILABLE = "StatusCode.UNAVAILABLE"
_INVALID = "StatusCode.INVALID_ARGUMENT"
_BROKEN = ("StatusCode.INTERNAL", "StatusCode.UNKNOWN")
_FORBIDDEN = ("StatusCode.UNAUTHENTICATED", "StatusCode.PERMISSION_DENIED")
_RESTRICTED = re.compile(r"protocol is restricted, expecting header '([^']*)'")
# The model's process died, or a proxy or a stopping server cut the connection.
_TRANSIENT = re.compile(r"Stub process .*is not healthy|RST_STREAM|Stream removed|Socket closed")
# The server stops or reloads the model, which was ready before anything was sent.
_MODEL_AWAY = "Request for unknown model"
# The second is that of several servers, if none can be reached or none is ready.
_NO_CONNECTION = ("failed to connect to all addresses", "connections to all backends failing")
_NOT_READY = "backend unhealthy"


def is_transient(error: InferenceServerException) -> bool:
    """Whether a recording may succeed later: the server is away, starting, stopping or full.

    Not for the readiness check at the start of a run.
    """
    if _refusal(error):
        return False
    text = one_line(error)
    if error.status() in _BROKEN:
        return _TRANSIENT.search(text) is not None
    return error.status() == _UNAVAILABLE or _MODEL_AWAY in text


def is_refused(error: InferenceServerException) -> bool:
    """Whether the request itself is wrong: its audio or a parameter."""
    return bool(error.status() == _INVALID)


def is_late(error: InferenceServerException) -> bool:
    """Whether no answer came in time."""
    return bool(error.status() == _TOO_LATE)


def reason(error: InferenceServerException, timeout_s: float) -> str:
    """Return why a recording got no answer."""
    if is_late(error):
        return f"no answer within {timeout_s:g} s (--timeout)"
    text = one_line(error)
    if text.startswith(_NO_CONNECTION):
        return f"no connection to the server ({_cause(text)})"
    if text.startswith("Stream removed") or text == "Socket closed":
        return f"the connection broke while it was being diarized ({text})"
    return _refusal(error) or text


def no_service(error: InferenceServerException, url: str, tls: Tls | None) -> str:
    """Return why the readiness check of the server at `url` failed."""
    refusal = _refusal(error)
    if refusal:
        return f"{url}: {refusal}"
    text = one_line(error)
    if _NOT_READY in text:
        return f"{url}: no server is ready; it may be starting or stopping"
    return f"no Triton server answers gRPC at {url} ({_cause(text)}); {_remedy(text, tls)}"


def one_line(error: InferenceServerException) -> str:
    """Return the error's text as one line without full stop, so that more can follow it."""
    return " ".join(str(error.message()).split()).rstrip(".")


def _refusal(error: InferenceServerException) -> str | None:
    """Return that the server expects a key, if the error means that."""
    text = one_line(error)
    restricted = _RESTRICTED.search(text)
    if restricted:
        return (
            f"the server refuses access: it expects the header {restricted[1]!r} with its key, "
            "see --header"
        )
    if error.status() in _FORBIDDEN:
        return f"the server refuses access ({text}): it may expect a key, see --header"
    return None


def _cause(text: str) -> str:
    # gRPC reports a chain of causes; the last one is the useful one.
    return text.removesuffix(": OK").rsplit(": ", 1)[-1].rstrip("].")


def _remedy(text: str, tls: Tls | None) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "expected a server with a certificate of an authority in --ssl_ca"
    if "Hostname Verification" in text:
        return "expected a host name in --url that the server's certificate is made for"
    if "WRONG_VERSION_NUMBER" in text:
        return "it does not seem to speak TLS: leave --ssl and its files out"
    if "Socket closed" in text:
        return f"it closed the connection: {_remedy_of_closing(tls)}"
    return "expected host:port of its gRPC port, 8001 by default, in --url"


def _remedy_of_closing(tls: Tls | None) -> str:
    if tls is None:
        return "if it speaks TLS, it expects --ssl"
    if tls.cert is None:
        return "it may expect a certificate of yours, see --ssl_cert"
    return "it may not trust the certificate in --ssl_cert"

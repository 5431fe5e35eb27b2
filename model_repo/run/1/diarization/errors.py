"""Errors of one request. `model.py` alone turns them into Triton's status codes.

DiarizationError
├── InvalidRequestError         the request as it is            -> INVALID_ARG
│   ├── InvalidParameterError   a request parameter
│   ├── InvalidInputError       which tensors there are, and their shapes
│   ├── InvalidAudioError       what they hold
│   └── OverLimitError          how much of it
├── UnknownSessionError         a live session                -> NOT_FOUND
├── SessionsFullError           too many of them              -> UNAVAILABLE
├── ModelCallError              a neural network in the server  -> UNAVAILABLE
├── StoppingError               the server is being stopped     -> UNAVAILABLE
└── CancelledError              the client cancelled            -> CANCELLED
"""

from typing import ClassVar

INTERNAL = "internal"  # the reason of every error that is none of these


class DiarizationError(Exception):
    """Base of all errors that concern one request; the text is written for the client.

    Attributes
    ----------
    reason
        Under which failed requests of this kind are counted.
    """

    reason: ClassVar[str] = INTERNAL


class InvalidRequestError(DiarizationError, ValueError):
    """The request cannot be answered as it is: the text says what, got, expected."""


class InvalidParameterError(InvalidRequestError):
    """A request parameter is unknown or has an impossible value."""

    reason = "invalid_parameter"


class InvalidInputError(InvalidRequestError):
    """Not exactly one input is given, or its shape is wrong."""

    reason = "invalid_input"


class InvalidAudioError(InvalidRequestError):
    """The input holds no recording: bytes that cannot be decoded, samples that are not finite."""

    reason = "invalid_audio"


class OverLimitError(InvalidRequestError):
    """The recording is longer, or its file larger, than `limits` allow."""

    reason = "over_limit"


class UnknownSessionError(DiarizationError):
    """There is no such live session: it was never started, or has ended or idled too long."""

    reason = "unknown_session"


class SessionsFullError(DiarizationError):
    """There are as many live sessions as allowed."""

    reason = "sessions_full"


class ModelCallError(DiarizationError):
    """A call to another model in the server failed."""

    reason = "model_failed"


class StoppingError(DiarizationError):
    """The server is draining and accepts no more requests."""

    reason = "stopping"

    def __init__(self) -> None:
        super().__init__("the server is stopping; ask again in a while")


class CancelledError(DiarizationError):
    """The client cancelled the request."""

    reason = "cancelled"


REASONS = (
    InvalidParameterError.reason,
    InvalidInputError.reason,
    InvalidAudioError.reason,
    OverLimitError.reason,
    ModelCallError.reason,
    StoppingError.reason,
    CancelledError.reason,
    INTERNAL,
)


def reason_of(error: Exception) -> str:
    """One of `REASONS`."""
    return error.reason if isinstance(error, DiarizationError) else INTERNAL

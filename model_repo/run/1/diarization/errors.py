"""Errors of one request. `model.py` alone turns them into Triton's status codes.

DiarizationError
├── InvalidRequestError   the client's input or parameters          -> INVALID_ARG
├── ModelCallError  a neural network in the server failed     -> UNAVAILABLE
└── CancelledError        the client has gone                       -> CANCELLED
"""


class DiarizationError(Exception):
    """Base of all errors that concern one request; the text is written for the client."""


class InvalidRequestError(DiarizationError, ValueError):
    """The request cannot be answered as it is: the text says what, got, expected."""


class ModelCallError(DiarizationError):
    """A call to another model in the server failed."""


class CancelledError(DiarizationError):
    """The client cancelled the request."""

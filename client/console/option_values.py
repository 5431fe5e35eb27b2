"""Types of command-line options: each parses a text, or refuses it and says what it expects."""

import argparse
import math
from pathlib import Path

RAW_RATES_HZ = range(1000, 768_001)
MAX_TIMEOUT_S = 1e6  # beyond it gRPC takes the deadline as passed


def count(text: str) -> int:
    """Parse a whole number of at least 1."""
    return _whole_number(text, 1)


def count_from_zero(text: str) -> int:
    """Parse a whole number of at least 0."""
    return _whole_number(text, 0)


def positive_seconds(text: str) -> float:
    """Parse seconds above 0."""
    given_s = _number(text)
    if not 0 < given_s <= MAX_TIMEOUT_S:
        raise argparse.ArgumentTypeError(
            f"expected a number of seconds above 0 and at most {MAX_TIMEOUT_S:g}, got {text!r}"
        )
    return given_s


def seconds_from_zero(text: str) -> float:
    """Parse seconds, at least 0."""
    given_s = _number(text)
    if not 0 <= given_s <= MAX_TIMEOUT_S:
        raise argparse.ArgumentTypeError(
            f"expected a number of seconds from 0 to {MAX_TIMEOUT_S:g}, got {text!r}"
        )
    return given_s


def pace(text: str) -> float:
    """Parse how many times as fast as real time, at least 0."""
    given = _number(text)
    if not 0 <= given < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, got {text!r}")
    return given


def rate_hz(text: str) -> int:
    """Parse a sample rate."""
    given_hz = count(text)
    if given_hz not in RAW_RATES_HZ:
        raise argparse.ArgumentTypeError(
            f"expected a rate from {RAW_RATES_HZ[0]} to {RAW_RATES_HZ[-1]} Hz, got {text!r}"
        )
    return given_hz


def cosine(text: str) -> float:
    """Parse a cosine above -1 and below 1."""
    given = _number(text)
    if not -1 < given < 1:
        raise argparse.ArgumentTypeError(f"expected a number above -1 and below 1, got {text!r}")
    return given


def name(text: str) -> str:
    """Refuse an empty name of a file or folder, as an unset variable leaves it."""
    if not text:
        raise argparse.ArgumentTypeError("expected a name, got ''")
    return text


def path(text: str) -> Path:
    """Parse the path of a file or folder."""
    return Path(name(text))


def _whole_number(text: str, least: int) -> int:
    if not (text.isascii() and text.isdigit() and int(text) >= least):
        raise argparse.ArgumentTypeError(
            f"expected a whole number of at least {least}, got {text!r}"
        )
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan

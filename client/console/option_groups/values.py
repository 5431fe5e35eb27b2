"""Values of options: read, or refused in a sentence that tells what was expected."""

import argparse
import math
from pathlib import Path

MOST_TIMEOUT_S = 1e6  # beyond it gRPC counts the deadline as passed


def count(text: str) -> int:
    """Read a whole number of at least 1."""
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def duration_s(text: str) -> float:
    """Read seconds above 0."""
    given_s = _seconds(text)
    if not 0 < given_s <= MOST_TIMEOUT_S:
        raise argparse.ArgumentTypeError(
            f"expected a number of seconds above 0 and at most {MOST_TIMEOUT_S:g}, got {text!r}"
        )
    return given_s


def patience_s(text: str) -> float:
    """Read seconds from 0."""
    given_s = _seconds(text)
    if not 0 <= given_s <= MOST_TIMEOUT_S:
        raise argparse.ArgumentTypeError(
            f"expected a number of seconds from 0 to {MOST_TIMEOUT_S:g}, got {text!r}"
        )
    return given_s


def cosine(text: str) -> float:
    """Read a cosine that can part voices."""
    try:
        given = float(text)
    except ValueError:
        given = math.nan
    if not -1 < given < 1:
        raise argparse.ArgumentTypeError(f"expected a number above -1 and below 1, got {text!r}")
    return given


def name(text: str) -> str:
    """Read the name of a file or folder; an empty one, as an unset variable leaves it, is none."""
    if not text:
        raise argparse.ArgumentTypeError("expected a name, got ''")
    return text


def path(text: str) -> Path:
    """Read where a file or folder is."""
    return Path(name(text))


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan

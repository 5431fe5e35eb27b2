"""One line of the table of odd and bad requests."""

from collections.abc import Callable
from dataclasses import dataclass

from measure.soaking.asking import Request, audio_request
from measure.soaking.audio import Speech
from measure.soaking.verdicts import Verdict


@dataclass(frozen=True)
class Case:
    """A request that is unusual or wrong.

    Parameters
    ----------
    kind : str
        What is unusual, for a few cases together.
    name : str
        Which one; no other case has it.
    make : Callable[[Speech], Request]
        Makes it of some speech, (n,) samples; only when it is needed.
    expected : Verdict
        What has to come back.
    """

    kind: str
    name: str
    make: Callable[[Speech], Request]
    expected: Verdict


def by_file(
    kind: str,
    name: str,
    encode: Callable[[Speech], bytes],
    expected: Verdict,
    **parameters: str | bool | int | float,
) -> Case:
    """A case that sends the bytes of a file."""
    return Case(kind, name, lambda speech: audio_request(encode(speech), **parameters), expected)

"""What the server answers when nobody else asks: the truth that all else is held against."""

from measure.evaluation.rttm_turns import Turn
from measure.soaking.asking import Asker, Request
from measure.soaking.comparing import read, unanswered


class SoakError(RuntimeError):
    """Nothing can be tested; the message is one sentence."""


def turns_alone(asker: Asker, request: Request) -> list[Turn]:
    """Turns of a good request that is sent alone.

    Raises
    ------
    SoakError
        If it is not answered.
    """
    outcome = asker.ask(request)
    if problem := unanswered(outcome):
        raise SoakError(f"a good recording, sent alone: {problem}")
    return read(outcome)

"""Parameters of one request of a live session, checked one by one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import InvalidParameterError
from ..options import Options
from ..request import Parameters, is_reserved, parse_request, shown
from .session import LiveOptions

SESSION_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
RATES_HZ = range(8000, 48_001)
LATENCIES_S = (0.5, 1.0, 2.0, 5.0)
START_NAMES = ("rate_hz", "latency_s", "voices")
OWN_NAMES = ("session", "start", "end", "position", "seen", *START_NAMES)


@dataclass(frozen=True)
class LiveRequest:
    """A checked request.

    Attributes
    ----------
    session
        Chosen by the client; who knows it may continue the session.
    start
        How to start it; None if it goes on.
    position
        Samples of the session that were sent before these.
    seen
        Number of the last event that the client has.
    end
        Whether no more audio follows.
    """

    session: str
    start: LiveOptions | None
    position: int
    seen: int
    end: bool


def parse_live_request(parameters: Parameters, options: Options) -> LiveRequest:
    """Check the parameters of a request; InvalidParameterError names a wrong one."""
    start = _flag(parameters, "start")
    others = {
        name: value
        for name, value in parameters.items()
        if name not in OWN_NAMES and not is_reserved(name)
    }
    unexpected = sorted({*others, *START_NAMES} & parameters.keys())
    if unexpected and not start:
        raise InvalidParameterError(
            f"parameter '{unexpected[0]}': got it in a session that goes on, expected it with "
            "start=true only"
        )
    return LiveRequest(
        _session(parameters.get("session")),
        _live_options(parameters, others, options) if start else None,
        _count(parameters, "position"),
        _count(parameters, "seen"),
        _flag(parameters, "end"),
    )


def _live_options(parameters: Parameters, others: Parameters, options: Options) -> LiveOptions:
    asked = parse_request(others, options)
    if asked.mode != "full" or asked.channels != "mix":
        raise InvalidParameterError(
            f"parameters: got mode '{asked.mode}' and channels '{asked.channels}', "
            "expected mode 'full' of one channel for live audio"
        )
    rate_hz = parameters.get("rate_hz", LiveOptions.rate_hz)
    if isinstance(rate_hz, bool) or not isinstance(rate_hz, int) or rate_hz not in RATES_HZ:
        raise InvalidParameterError(
            f"parameter 'rate_hz': got {shown(rate_hz)}, "
            f"expected an integer from {RATES_HZ[0]} to {RATES_HZ[-1]}"
        )
    return LiveOptions(asked, rate_hz, _latency_s(parameters), _flag(parameters, "voices"))


def _latency_s(parameters: Parameters) -> float:
    """One of `LATENCIES_S`; text too, since not every client can send fractions."""
    value = parameters.get("latency_s", LiveOptions.latency_s)
    latency_s = next((each for each in LATENCIES_S if str(value) in (f"{each}", f"{each:g}")), None)
    if latency_s is None:
        expected = ", ".join(f"{each:g}" for each in LATENCIES_S)
        raise InvalidParameterError(
            f"parameter 'latency_s': got {shown(value)}, expected one of {expected}"
        )
    return latency_s


def _session(value: object) -> str:
    if not isinstance(value, str) or not SESSION_ID.fullmatch(value):
        raise InvalidParameterError(
            f"parameter 'session': got {shown(value)}, expected 16 to 64 letters, digits, - or _"
        )
    return value


def _flag(parameters: Mapping[str, object], name: str) -> bool:
    value = parameters.get(name, False)
    if not isinstance(value, bool):
        raise InvalidParameterError(
            f"parameter '{name}': got {shown(value)}, expected true or false"
        )
    return value


def _count(parameters: Mapping[str, object], name: str) -> int:
    value = parameters.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidParameterError(
            f"parameter '{name}': got {shown(value)}, expected an integer from 0 on"
        )
    return value

"""Parameters of a request, checked one by one."""

from collections.abc import Mapping
from dataclasses import dataclass
from unicodedata import category

from .channels import CHANNEL_CHOICES
from .errors import InvalidParameterError
from .options import MAX_SPEAKERS_CEILING, MODES, Options, SpeakerBounds

DEFAULT_RECORDING_ID = "recording"
MAX_ID_BYTES = 255
# Unicode's bidi controls reorder the text around them, and zero-width space, word joiner and byte
# order mark are invisible: an id would look like another one. The zero-width joiner and non-joiner
# are allowed, since scripts and emoji are written with them.
MISLEADING = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u2060\ufeff"
)
MOST_SHOWN = 40  # characters of a wrong value that its message repeats
RESERVED_PREFIXES = ("sequence_", "triton_")  # Triton's own; it passes some of them on
RESERVED_NAMES = frozenset({"priority", "timeout", "headers", "binary_data_output"})
COUNT_NAMES = ("num_speakers", "min_speakers", "max_speakers")
KNOWN_NAMES = ("recording_id", "mode", "exclusive", "channels", *COUNT_NAMES)

Parameters = Mapping[str, object]


@dataclass(frozen=True)
class RequestOptions:
    """Checked parameters of one request.

    Attributes
    ----------
    recording_id
        File id in RTTM.
    speakers
        Allowed number of speakers; per channel if channels are separate.
    mode
        "full" or "classic".
    exclusive
        At most one speaker at a time; per channel if channels are separate.
    channels
        "mix": their mean; "first": the first one; "separate": each on its own.
    """

    recording_id: str
    speakers: SpeakerBounds
    mode: str
    exclusive: bool = False
    channels: str = CHANNEL_CHOICES[0]


def parse_request(parameters: Parameters, options: Options) -> RequestOptions:
    """Check the parameters of a request.

    Parameters
    ----------
    parameters
        Name -> value as the client sent them.
    options
        Defaults for parameters that are not set.

    Raises
    ------
    InvalidParameterError
        Naming the parameter, what it was and what is expected.
    """
    for name in parameters:
        if name not in KNOWN_NAMES and not is_reserved(name):
            raise InvalidParameterError(
                f"parameter {shown(name)} is unknown; expected one of {', '.join(KNOWN_NAMES)}"
            )
    return RequestOptions(
        _checked_id(parameters.get("recording_id", DEFAULT_RECORDING_ID)),
        _speaker_bounds(parameters, options.speakers),
        _one_of(MODES, parameters, "mode", options.default.mode),
        _exclusive(parameters.get("exclusive", False)),
        _one_of(CHANNEL_CHOICES, parameters, "channels", CHANNEL_CHOICES[0]),
    )


def is_reserved(name: str) -> bool:
    """Whether a parameter is one of Triton's own."""
    return name in RESERVED_NAMES or name.startswith(RESERVED_PREFIXES)


def shown(value: object) -> str:
    """The value as one short line."""
    return repr(str(value)[:MOST_SHOWN])


def _one_of(choices: tuple[str, ...], parameters: Parameters, name: str, default: str) -> str:
    value = parameters.get(name, default)
    if value not in choices:
        raise InvalidParameterError(
            f"parameter '{name}': got {shown(value)}, expected one of {', '.join(choices)}"
        )
    return str(value)


def _exclusive(value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidParameterError(
            f"parameter 'exclusive': got {shown(value)}, expected true or false"
        )
    return value


def _checked_id(value: object) -> str:
    """The id, if it can stand in an RTTM line and in a file name."""
    expected = (
        f"1 to {MAX_ID_BYTES} bytes without white space, control characters, direction marks, "
        "zero-width spaces or '/'"
    )
    if not isinstance(value, str):
        raise InvalidParameterError(
            f"parameter 'recording_id': got {shown(value)}, expected text of {expected}"
        )
    n_bytes = len(value.encode("utf-8", errors="surrogatepass"))
    if not 1 <= n_bytes <= MAX_ID_BYTES:
        raise InvalidParameterError(
            f"parameter 'recording_id': got {n_bytes} bytes, expected {expected}"
        )
    if any(
        char == "/" or char.isspace() or category(char) in ("Cc", "Cs") or char in MISLEADING
        for char in value
    ):
        raise InvalidParameterError(f"parameter 'recording_id': got {value!r}, expected {expected}")
    return value


def _speaker_bounds(parameters: Parameters, default: SpeakerBounds) -> SpeakerBounds:
    exact, lowest, highest = (_count(parameters, name) for name in COUNT_NAMES)
    minimum = lowest or min(default.minimum, highest or default.minimum)
    maximum = highest or max(default.maximum, minimum)
    if minimum > maximum:
        raise InvalidParameterError(
            f"parameters: got min_speakers {minimum} > max_speakers {maximum}, expected min <= max"
        )
    if exact is None:
        return SpeakerBounds(minimum, maximum)
    if (lowest and exact < lowest) or (highest and exact > highest):
        raise InvalidParameterError(
            f"parameter 'num_speakers': got {exact}, expected it within min_speakers {minimum} "
            f"and max_speakers {maximum}"
        )
    return SpeakerBounds(exact, exact)


def _count(parameters: Parameters, name: str) -> int | None:
    """A number of speakers, or None if it is not set."""
    if name not in parameters:
        return None
    value = parameters[name]
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or not 1 <= value <= MAX_SPEAKERS_CEILING
    ):
        raise InvalidParameterError(
            f"parameter '{name}': got {shown(value)}, "
            f"expected an integer from 1 to {MAX_SPEAKERS_CEILING}"
        )
    return value

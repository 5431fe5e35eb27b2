"""Which format an answer gets: ?format= names one, else the header Accept chooses."""

from dataclasses import dataclass
from enum import StrEnum

from formats import RTTM, TOKENS
from web.problems import ProblemError

PLAIN = "text/plain"
MEDIA_TYPES = {
    "json": "application/json",
    RTTM: "text/x-rttm",
    "vtt": "text/vtt",
    "srt": "application/x-subrip",
    "csv": "text/csv",
}
Token = StrEnum("Token", {token.upper(): token for token in TOKENS})  # type: ignore[misc]
_N_PARTS = 2  # type/subtype


@dataclass(frozen=True)
class Chosen:
    """A format's token, and the media type that it is sent as."""

    token: str
    media_type: str


# What Accept can choose; of equally welcome ones the first.
OFFERED = (
    *(Chosen(token, media_type) for token, media_type in MEDIA_TYPES.items()),
    Chosen(RTTM, PLAIN),
)


def chosen(accept: str | None, asked: str | None) -> Chosen:
    """Choose the format.

    Parameters
    ----------
    accept : str | None
        The header Accept; None or empty is as good as `*/*`.
    asked : str | None
        A token of ?format=, which wins over Accept.

    Raises
    ------
    ProblemError
        406 if nothing that is offered is acceptable.
    """
    if asked is not None:
        return Chosen(asked, MEDIA_TYPES.get(asked, PLAIN))
    ranges = _ranges(accept or "*/*")
    weights = [_weight(offer.media_type, ranges) for offer in OFFERED]
    best = max(weights)
    if best <= 0:
        offered = ", ".join(offer.media_type for offer in OFFERED)
        raise ProblemError(
            406, f"Accept allows none of {offered}; ?format= takes one of {', '.join(TOKENS)}"
        )
    return OFFERED[weights.index(best)]


def _ranges(accept: str) -> dict[str, float]:
    """Media ranges and their weights, 0 to 1; what cannot be read counts for nothing."""
    ranges: dict[str, float] = {}
    for part in accept.split(","):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                weight = _number(value.strip())
        if name.count("/") == _N_PARTS - 1:
            ranges[name] = weight
    return ranges


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0 <= value <= 1 else 0.0


def _weight(media_type: str, ranges: dict[str, float]) -> float:
    """Take the weight of the range that fits best, whatever a wider one says."""
    for fitting in (media_type, media_type.split("/")[0] + "/*", "*/*"):
        if fitting in ranges:
            return ranges[fitting]
    return 0.0

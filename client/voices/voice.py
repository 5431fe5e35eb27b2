"""One enrolled voice: its name, its centroid, and where it comes from."""

import re
import unicodedata
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from console.text import EXPECTED_IN_NAMES, NOT_IN_NAMES

Centroids = NDArray[np.float32]  # shape=(n, dim), rows of length one

# docs/voices.md has the errors that were measured at it and around it.
DEFAULT_THRESHOLD = 0.55
MOST_NAME_BYTES = 200
_WHITE_SPACE = re.compile(r"\s+")
# What the service and --link_speakers call speakers; `<NA>` is RTTM's "nothing".
_RESERVED = re.compile(r"(\w+_)?(SPEAKER|VOICE)_\d+|<NA>", re.IGNORECASE)


class VoicesError(ValueError):
    """Voices that cannot be used; ends the run. `problems` has one sentence for each reason."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Origin:
    """Where a voice comes from.

    Parameters
    ----------
    file_name
        Of the recording, without its folder.
    audio_sha256 : str
        Of that file.
    speech_s
        Seconds of speech in it.
    model_name, mode
        The model that answered, and the mode it reported (`full`, `classic`).
    enrolled_at
        ISO 8601, UTC.
    """

    file_name: str
    audio_sha256: str
    speech_s: float
    model_name: str
    mode: str
    enrolled_at: str


@dataclass(frozen=True)
class Voice:
    """A person's voice in one recording.

    Parameters
    ----------
    name
        Without white space.
    network
        The speaker network that made the centroid: those of different networks are not comparable.
    centroid
        shape=(dim,), of length one.
    origin
        Where it comes from.
    """

    name: str
    network: str
    centroid: NDArray[np.float32] = field(compare=False)
    origin: Origin

    @property
    def kind(self) -> str:
        """Network and dimension, as messages name them."""
        return embedding_kind(self.network, len(self.centroid))


def embedding_kind(network: str, dimension: int) -> str:
    """Describe which embeddings are comparable: those of one network and dimension."""
    return f"{network!r} ({dimension} numbers)"


def unit_rows(embeddings: NDArray[np.float32]) -> Centroids:
    """Scale every row to length one; ValueError if one is zero or not finite."""
    lengths = np.linalg.norm(embeddings.astype(np.float64), axis=1, keepdims=True)
    if not np.all(np.isfinite(lengths)) or np.any(lengths == 0):
        raise ValueError("an embedding is zero or not finite, expected a direction")
    return (embeddings / lengths).astype(np.float32)


def usable_name(text: str) -> str:
    """Make a name fit for one field of RTTM: in composed characters, with `_` for white space.

    Raises
    ------
    ValueError
        If it is empty, too long, has control characters, lone surrogates, direction marks or
        zero-width spaces, or is a name that speakers get who are not enrolled.
    """
    name = _WHITE_SPACE.sub("_", unicodedata.normalize("NFC", text).strip())
    if not name:
        raise ValueError("got an empty name, expected at least one character")
    if found := NOT_IN_NAMES.search(name):
        raise ValueError(f"name {name!r} holds {found.group()!r}, expected {EXPECTED_IN_NAMES}")
    if (n_bytes := len(name.encode())) > MOST_NAME_BYTES:
        raise ValueError(
            f"name {name[:40]!r}... has {n_bytes} bytes, expected at most {MOST_NAME_BYTES}"
        )
    if _RESERVED.fullmatch(name):
        raise ValueError(f"got name {name!r}, which is reserved for speakers who are not enrolled")
    return name

"""One enrolled voice, and the centroids it is compared with."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Centroids = NDArray[np.float32]  # shape=(n, dim), rows of length one

# docs/voices.md has the errors that were measured at it and around it.
DEFAULT_THRESHOLD = 0.55


class VoicesError(ValueError):
    """Voices that cannot be used; ends the run. `problems` holds one sentence for each reason."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Origin:
    """Where a voice comes from.

    Parameters
    ----------
    file_name : str
        Of the recording, without its folder.
    audio_sha256 : str
        Of that file.
    speech_s : float
        Seconds of speech in it.
    model_name, mode : str
        Which model was asked, and the mode it told (`full`, `classic`).
    enrolled_at : str
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
    """What one recording tells about one person's voice.

    Parameters
    ----------
    name : str
        Without white space.
    network : str
        The speaker network that made the centroid: those of different networks are not comparable.
    centroid : NDArray[np.float32]
        shape=(dim,), of length one.
    origin : Origin
        Where it comes from.
    """

    name: str
    network: str
    centroid: NDArray[np.float32] = field(compare=False)
    origin: Origin

    @property
    def kind(self) -> str:
        """Network and dimension, as they are told to people."""
        return kind(self.network, len(self.centroid))


def kind(network: str, dimension: int) -> str:
    """Tell of which kind embeddings are."""
    return f"{network!r} ({dimension} numbers)"


def unit_rows(embeddings: NDArray[np.float32]) -> Centroids:
    """Bring every row to length one; ValueError where one is zero or not finite."""
    lengths = np.linalg.norm(embeddings.astype(np.float64), axis=1, keepdims=True)
    if not np.all(np.isfinite(lengths)) or np.any(lengths == 0):
        raise ValueError("an embedding is zero or not finite, expected a direction")
    return (embeddings / lengths).astype(np.float32)

"""Several measurements of one thing, summed up."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Median, least and greatest of some measurements."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Sum up at least one value."""
        return cls(median(values), min(values), max(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """Value below which `percent` of the values lie, straight lines between neighbours."""
    return float(np.percentile(values, percent))


def slowest_to_fastest(values_by_client: Sequence[Sequence[float]]) -> float:
    """Mean of the client with the greatest mean over that of the one with the least."""
    means = [float(np.mean(values)) for values in values_by_client]
    return max(means) / min(means)

"""How often the number of speakers was right: true number against found number."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class SpeakerCounts:
    """Recordings by their true and their found number of speakers.

    Parameters
    ----------
    n_by_pair : Counter[tuple[int, int]]
        Number of recordings for each pair (true number, found number).
    """

    n_by_pair: Counter[tuple[int, int]]

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, int]]) -> "SpeakerCounts":
        """Count the pairs (true number, found number) of all recordings."""
        return cls(Counter(pairs))

    @property
    def n(self) -> int:
        """Number of recordings."""
        return self.n_by_pair.total()

    @property
    def exact(self) -> int:
        """Number of recordings whose speakers were counted right."""
        return self.n_off_by_at_most(0)

    @property
    def within_one(self) -> int:
        """Number of recordings with at most one speaker too many or too few."""
        return self.n_off_by_at_most(1)

    def n_off_by_at_most(self, limit: int) -> int:
        """Number of recordings whose two counts differ by at most `limit`."""
        return sum(n for (true, found), n in self.n_by_pair.items() if abs(true - found) <= limit)

    def confusion(self) -> dict[int, dict[int, int]]:
        """Number of recordings by true, then by found number, both ascending; no zeros."""
        table: dict[int, dict[int, int]] = {}
        for (true, found), n in sorted(self.n_by_pair.items()):
            table.setdefault(true, {})[found] = n
        return table

"""Live sessions with fake networks, whose journals are kept in memory."""

import numpy as np

from diarization.live.calls import run_together
from diarization.live.records import Journal
from diarization.live.session import LiveOptions, Session
from diarization.options import Options
from diarization.request import RequestOptions
from unit.planted_recordings import ANY, FakeNetworks


class MemoryRecords:
    """Records in memory; `empty` has their type and, behind its first axis, their shape."""

    def __init__(self, empty):
        self._rows = empty

    def append(self, rows):
        """Add rows at the end."""
        self._rows = np.concatenate([self._rows, rows.astype(self._rows.dtype)])

    def __len__(self):
        """Return the number of rows."""
        return len(self._rows)

    def read(self, first, last):
        """Rows [first, last)."""
        return self._rows[first:last]


def memory_journal():
    """An empty journal in memory."""
    empty = (np.empty(0, np.float32), np.empty(0, np.float32), np.empty((0, 589, 7), np.float16))
    return Journal(*map(MemoryRecords, empty), MemoryRecords(np.empty((0, 192), np.float32)))


class LiveNetworks(FakeNetworks):
    """Fake networks that hear several streams at once."""

    def speech_probs_of(self, samples, states):
        """Probabilities and states of all streams."""
        found = [self.speech_probs(*each) for each in zip(samples, states, strict=True)]
        probs, next_states = zip(*found, strict=True)
        return np.stack(probs), np.stack(next_states)

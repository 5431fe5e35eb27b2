"""Memory that is not given back: after the largest request, no mix of requests takes much more."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from diarization.arrays import samples_of
from measure.soaking.asking import Asker, audio_request
from measure.soaking.audio import Speech
from measure.soaking.files import encoded
from measure.soaking.load import LoadResult, run_load, so_many
from measure.soaking.mix import Mix
from measure.soaking.watching import MemorySample, look

LARGEST_S = 300.0
N_CLIENTS = 4  # as many as the service works on at once
MOST_GROWTH = 0.15  # of the PSS after the largest request
MOST_SHARED_GROWTH_BYTES = 64_000_000


@dataclass(frozen=True)
class GrowthResult:
    """Memory right after the largest request, and after many others; `load` is what came of these.

    What the largest one took is no growth: Python, ONNX Runtime and the shared memory grow to the
    largest request they have seen, and keep that.
    """

    largest_s: float
    before: MemorySample
    after: MemorySample
    load: LoadResult

    @property
    def growth_bytes(self) -> int:
        """Of the PSS of all processes."""
        return self.after.pss_bytes - self.before.pss_bytes

    @property
    def shared_growth_bytes(self) -> int:
        """Of the files in /dev/shm."""
        return self.after.shared_bytes - self.before.shared_bytes

    @property
    def problems(self) -> Sequence[str]:
        """All that is wrong."""
        found = list(self.load.problems)
        most = round(MOST_GROWTH * self.before.pss_bytes)
        if self.growth_bytes > most:
            found.append(f"memory grew by {self.growth_bytes} bytes, expected at most {most}")
        if self.shared_growth_bytes > MOST_SHARED_GROWTH_BYTES:
            found.append(
                f"shared memory grew by {self.shared_growth_bytes} bytes, "
                f"expected at most {MOST_SHARED_GROWTH_BYTES}"
            )
        return found


def run_growth(
    url: str, mix: Mix, whole: Speech, n_requests: int, pids: AbstractSet[int]
) -> GrowthResult:
    """Send the largest request, by every client at once, then `n_requests` others."""
    largest = audio_request(encoded(np.resize(whole, samples_of(LARGEST_S)), kind="FLAC"))
    with Asker(url) as asker:
        asker.together([largest] * N_CLIENTS)
    before = look(pids)
    load = run_load(url, N_CLIENTS, so_many(mix, n_requests), pids)
    return GrowthResult(LARGEST_S, before, look(pids), load)

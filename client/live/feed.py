"""Audio that a thread reads ahead, so that a slow server does not hold up who speaks."""

import threading
from collections.abc import Iterator

import numpy as np

from inputs.audio_files import AudioError
from live.sources import Pcm

MOST_HELD_S = 600  # then its writer waits; longer than a server is away
_JOIN_S = 1.0  # a thread that waits for a silent pipe is left behind


class Feed:
    """The samples that have been read and not been taken.

    Parameters
    ----------
    blocks
        Read in a thread of its own; AudioError from it ends the audio.
    rate_hz
        Of the samples.

    Attributes
    ----------
    error
        Why the audio has ended early, if it has.
    """

    def __init__(self, blocks: Iterator[Pcm], rate_hz: int) -> None:
        self.error: AudioError | None = None
        self._blocks = blocks
        self._most_held = MOST_HELD_S * rate_hz
        self._held: list[Pcm] = []
        self._n_held = 0
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read_all, daemon=True)

    def __enter__(self) -> "Feed":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join(_JOIN_S)

    @property
    def is_over(self) -> bool:
        """Whether all has been taken and nothing follows."""
        return self._ended and not self._n_held

    def stop(self) -> None:
        """End the audio here."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait(self, n: int, timeout_s: float) -> bool:
        """Wait for `n` samples, or for the end; False if neither has come in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._n_held >= n or self._ended, timeout_s)

    def take(self, most: int) -> Pcm:
        """Take the next samples, all that are there, but at most `most`."""
        with self._changed:
            joined = np.concatenate([np.empty(0, np.int16), *self._held])
            self._held = [joined[most:]]
            self._n_held = len(joined) - len(joined[:most])
            self._changed.notify_all()
        return joined[:most]

    def _read_all(self) -> None:
        try:
            for block in self._blocks:
                if not self._add(block):
                    return
        except AudioError as error:
            self.error = error
        self.stop()

    def _add(self, block: Pcm) -> bool:
        """Add a block when there is room; False if the audio has been ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._n_held < self._most_held or self._ended)
            if self._ended:
                return False
            self._held.append(block)
            self._n_held += len(block)
            self._changed.notify_all()
        return True

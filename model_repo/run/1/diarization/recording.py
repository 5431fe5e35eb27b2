"""A recording as it was sent: how many channels it has, and blocks of what is listened to."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from numpy.typing import NDArray

from .arrays import Samples
from .audio import channels_in, decode_blocks
from .channels import Selection
from .config import LimitOptions
from .waveform import require_channels_and_samples, waveform_blocks

Blocks = Iterator[Samples]


class Recording(NamedTuple):
    """What was sent.

    Attributes
    ----------
    n_channels
        Number of its channels.
    blocks
        Goes through all of it for one selection, 16 kHz mono, consecutive stretches; decodes anew
        each time, since a recording is never held decoded as a whole.
    """

    n_channels: int
    blocks: Callable[[Selection], Blocks]

    def through(self, meter: Callable[[Blocks], Blocks]) -> "Recording":
        """The same recording; `meter` passes its blocks on."""
        return self._replace(blocks=lambda selection: meter(self.blocks(selection)))


def encoded_recording(encoded: bytes, block_s: float, limits: LimitOptions) -> Recording:
    """The bytes of an audio file; parameters and errors as of `decode_blocks`."""
    n_channels = channels_in(encoded, limits)
    return Recording(n_channels, partial(decode_blocks, encoded, block_s, limits))


def waveform_recording(waveform: NDArray[Any], block_s: float, limits: LimitOptions) -> Recording:
    """Samples at 16 kHz; parameters and errors as of `waveform_blocks`."""
    require_channels_and_samples(waveform)
    return Recording(waveform.shape[0], partial(waveform_blocks, waveform, block_s, limits))

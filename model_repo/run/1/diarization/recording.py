"""A recording as it was sent: number of channels, and blocks of the selected ones."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from numpy.typing import NDArray

from .arrays import SAMPLE_RATE_HZ, Samples
from .audio import DEFAULT_LIMITS, channels_in, decode_blocks, require_length, require_size
from .channels import MIX, Selection, mono_of
from .errors import InvalidInputError
from .options import LimitOptions

Blocks = Iterator[Samples]
N_AXES = 2  # channels, samples
MOST_CHANNELS = 1024  # libsndfile's limit; more are samples in the wrong axis


class Recording(NamedTuple):
    """A recording as it was sent.

    Attributes
    ----------
    n_channels
        Number of its channels.
    blocks
        Blocks of the whole recording for one selection, 16 kHz mono, consecutive. Every call
        decodes again, since a recording is never held decoded as a whole.
    """

    n_channels: int
    blocks: Callable[[Selection], Blocks]

    def through(self, meter: Callable[[Blocks], Blocks]) -> "Recording":
        """The same recording; `meter` passes its blocks on."""
        return self._replace(blocks=lambda selection: meter(self.blocks(selection)))


def encoded_recording(encoded: bytes, block_s: float, limits: LimitOptions) -> Recording:
    """The bytes of an audio file; parameters and errors as in `decode_blocks`."""
    n_channels = channels_in(encoded, limits)
    return Recording(n_channels, partial(decode_blocks, encoded, block_s, limits))


def waveform_recording(waveform: NDArray[Any], block_s: float, limits: LimitOptions) -> Recording:
    """Samples at 16 kHz; parameters and errors as in `waveform_blocks`."""
    require_channels_and_samples(waveform)
    return Recording(waveform.shape[0], partial(waveform_blocks, waveform, block_s, limits))


def waveform_blocks(
    waveform: NDArray[Any],
    block_s: float,
    limits: LimitOptions = DEFAULT_LIMITS,
    selection: Selection = MIX,
) -> Iterator[Samples]:
    """Cut samples into blocks of the selected channels.

    Parameters
    ----------
    waveform
        shape=(n_channels, n_samples), float32.
    block_s
        Length of the blocks, seconds.
    limits
        The largest and the longest accepted recording.
    selection
        The channel; or the mean of all.

    Raises
    ------
    InvalidInputError
        If the shape is another one, or there is no channel.
    InvalidAudioError
        If a value is not finite, or huge.
    OverLimitError
        If it is too large or too long.
    """
    require_channels_and_samples(waveform)
    require_size("input", waveform.nbytes, limits)
    n_samples = waveform.shape[1]
    require_length("input", n_samples, SAMPLE_RATE_HZ, limits, selection.n_passes)
    step = round(block_s * SAMPLE_RATE_HZ)
    for start in range(0, n_samples, step):
        yield mono_of(waveform[:, start : start + step], 0, selection)


def require_channels_and_samples(waveform: NDArray[Any]) -> None:
    """Raise InvalidInputError unless there are channels, all with the same number of samples."""
    wrong_axes = waveform.ndim != N_AXES or waveform.shape[0] > MOST_CHANNELS
    if wrong_axes or (waveform.shape[0] == 0 and waveform.shape[1] > 0):
        raise InvalidInputError(
            f"input: got shape {list(waveform.shape)}, expected [channels, samples] at 16 kHz"
        )

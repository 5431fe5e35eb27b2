"""Float samples that are at 16 kHz already -> blocks of mono."""

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from .arrays import SAMPLE_RATE_HZ, Samples
from .channels import MIX, Selection, listened
from .config import LimitOptions
from .errors import InvalidInputError
from .limits import DEFAULT_LIMITS, require_length, require_size

N_AXES = 2  # channels, samples
MOST_CHANNELS = 1024  # libsndfile's limit; more are samples in the wrong axis


def waveform_blocks(
    waveform: NDArray[Any],
    block_s: float,
    limits: LimitOptions = DEFAULT_LIMITS,
    selection: Selection = MIX,
) -> Iterator[Samples]:
    """Cut samples into blocks of what is listened to.

    Parameters
    ----------
    waveform
        shape=(n_channels, n_samples), float32.
    block_s
        Length of the blocks, seconds.
    limits
        The largest and the longest recording that is taken.
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
        yield listened(waveform[:, start : start + step], 0, selection)


def require_channels_and_samples(waveform: NDArray[Any]) -> None:
    """Raise InvalidInputError unless there are channels, each of so many samples."""
    wrong_axes = waveform.ndim != N_AXES or waveform.shape[0] > MOST_CHANNELS
    if wrong_axes or (waveform.shape[0] == 0 and waveform.shape[1] > 0):
        raise InvalidInputError(
            f"input: got shape {list(waveform.shape)}, expected [channels, samples] at 16 kHz"
        )

"""The outline of a waveform: the largest magnitude of every hundredth of a second."""

import numpy as np
from numpy.typing import NDArray

from inputs.audio_files import SERVICE_RATE_HZ
from viewer.resampling import Samples

PEAKS_PER_S = 100
_SAMPLES_PER_PEAK = SERVICE_RATE_HZ // PEAKS_PER_S
_HIGHEST = 255


def peaks(block: Samples) -> NDArray[np.uint8]:
    """Measure one block.

    Parameters
    ----------
    block : Samples
        At 16 kHz. Where more blocks follow, its length is a multiple of 160.

    Returns
    -------
    NDArray[np.uint8]
        Shape (ceil(n_samples / 160),); 255 is full scale and all beyond it.
    """
    rest = -len(block) % _SAMPLES_PER_PEAK
    magnitudes = np.pad(np.abs(block), (0, rest)).reshape(-1, _SAMPLES_PER_PEAK)
    return np.rint(np.minimum(magnitudes.max(axis=1), 1) * _HIGHEST).astype(np.uint8)

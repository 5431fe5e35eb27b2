"""One level for all recordings: silero hears less speech in a faint one, and none in a very faint.

The segmentation net and fbank with mean normalisation do not depend on the level.
"""

import numpy as np

from .arrays import SadState, Samples, SpeechProbs
from .sad import SpeechDetector

LOUD_PERCENTILE = 99.9  # of the magnitudes: speech decides even if rare, a click does not
LOUD_LEVEL = 0.3
MOST_GAIN = 100.0  # 40 dB: what is fainter is noise


def leveled(samples: Samples) -> Samples:
    """Scale audio so that its loud samples have magnitude 0.3.

    Parameters
    ----------
    samples
        shape=(n_samples,); amplified at most a hundredfold.
    """
    if len(samples) == 0:
        return samples
    loud = float(np.percentile(np.abs(samples), LOUD_PERCENTILE))
    scaled: Samples = samples * np.float32(LOUD_LEVEL / max(loud, LOUD_LEVEL / MOST_GAIN))
    return scaled


def at_one_level(detect: SpeechDetector) -> SpeechDetector:
    """A detector that hears every stretch of audio at the same level."""

    def detect_leveled(samples: Samples, state: SadState) -> tuple[SpeechProbs, SadState]:
        return detect(leveled(samples), state)

    return detect_leveled

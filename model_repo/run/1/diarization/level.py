"""One level for all recordings: silero hears less speech in a faint one, and none in a very faint.

The segmentation net and fbank with mean normalisation do not depend on the level.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from .ahead import one_ahead
from .arrays import SadState, Samples, SpeechProbs
from .sad import SpeechBlock, SpeechDetector, speech_blocks
from .stage_options import SadOptions

LOUD_PERCENTILE = 99.9  # of the magnitudes: speech decides even if rare, a click does not
LOUD_LEVEL = 0.3
MOST_GAIN = 100.0  # 40 dB: what is fainter is noise


def loudness(samples: Samples) -> float:
    """Magnitude that all but the loudest thousandth of the samples stay below; 0 for none."""
    return float(np.percentile(np.abs(samples), LOUD_PERCENTILE)) if len(samples) else 0.0


def leveled(samples: Samples, loud: float) -> Samples:
    """Scale audio so that magnitude `loud` becomes 0.3; at most a hundredfold."""
    scaled: Samples = samples * np.float32(LOUD_LEVEL / max(loud, LOUD_LEVEL / MOST_GAIN))
    return scaled


def leveled_blocks(
    audio: Iterable[Samples], detect: SpeechDetector, options: SadOptions
) -> Iterator[SpeechBlock]:
    """Blocks of a recording with their speech, heard at one level, each made one ahead of its use.

    Parameters as of `speech_blocks`.
    """
    return one_ahead(speech_blocks(audio, at_one_level(detect), options))


def at_one_level(detect: SpeechDetector) -> SpeechDetector:
    """A detector for one recording that hears it at one level, that of its loudest stretch so far.

    So a stretch in which nobody talks is not amplified to the level of speech.
    """
    loudest = 0.0

    def detect_leveled(samples: Samples, state: SadState) -> tuple[SpeechProbs, SadState]:
        nonlocal loudest
        loudest = max(loudest, loudness(samples))
        return detect(leveled(samples, loudest), state)

    return detect_leveled

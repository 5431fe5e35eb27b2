"""The recording as it lies inside the page: 16 kHz mono FLAC.

Turns must line up with what is heard, in every browser. Measured in Chromium after seeking in 10
minutes of speech: FLAC and wav start exactly where they are told to, Opus 0.6 ms off, Vorbis up to
32 ms, MP3 up to 70 ms at a constant rate and more at a variable one. And libsndfile takes 140 s for
an hour of Opus at 16 kHz (one core), as long as the service takes, but 1 s for FLAC.

So it is FLAC, without loss up to five minutes. In what is longer, every 0.256 s is rounded to as
few bits as leave the noise 30 dB below its level, and FLAC leaves the others out: 20 MB an hour of
clear speech, 33 MB of noisy speech, against 115 MB of wav and 10 MB of Opus.
"""

import itertools
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from inputs.audio_files import SERVICE_RATE_HZ
from viewer.resampling import Samples
from viewer.sound import FULL_SCALE

MEDIA_TYPE = "audio/flac"
N_LOSSLESS_BLOCKS = 30  # of 10.24 s
FRAME_SAMPLES = 4096  # libsndfile's; FLAC leaves out lower bits that are zero in a whole frame
STEP_SHARE = 0.11  # rounding to steps of it: noise 30 dB below the level, 20 log10(0.11 / sqrt(12))


def encode_into(file: BinaryIO, blocks: Iterable[Samples]) -> None:
    """Encode a recording, given in blocks of 10.24 s, as one FLAC file."""
    blocks = iter(blocks)
    head = list(itertools.islice(blocks, N_LOSSLESS_BLOCKS + 1))
    is_long = len(head) > N_LOSSLESS_BLOCKS
    with soundfile.SoundFile(file, "w", SERVICE_RATE_HZ, 1, "PCM_16", format="FLAC") as flac:
        for block in itertools.chain(head, blocks):
            integers = np.rint(block * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1)
            flac.write((rounded(integers) if is_long else integers).astype(np.int16))


def rounded(samples: NDArray[np.float64 | np.float32]) -> NDArray[np.float64 | np.float32]:
    """Round every frame of 4096 to multiples of a power of two that its level can spare.

    Parameters
    ----------
    samples : NDArray[np.float64 | np.float32]
        Shape (n_samples,), in whole steps of 16 bits; 2^15 is full scale.
    """
    frames = np.pad(samples, (0, -len(samples) % FRAME_SAMPLES)).reshape(-1, FRAME_SAMPLES)
    level = np.sqrt(np.square(frames).mean(axis=1, keepdims=True))
    step = 2 ** np.floor(np.log2(np.maximum(level * STEP_SHARE, 1)))
    coarse = np.rint(frames / step).clip(-FULL_SCALE / step, FULL_SCALE / step - 1) * step
    return coarse.reshape(-1)[: len(samples)]

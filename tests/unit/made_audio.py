"""Encoded test files, and what the library decodes from them."""

import io

import numpy as np
import soundfile

from diarization.audio import DEFAULT_LIMITS, decode_blocks
from diarization.channels import MIX


def encoded(samples, rate_hz=16_000, kind=("WAV", "FLOAT")):
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=kind[0], subtype=kind[1])
    return file.getvalue()


def decoded(file, block_s=600.0, limits=DEFAULT_LIMITS, selection=MIX):
    blocks = list(decode_blocks(file, block_s, limits, selection))
    assert all(block.dtype == np.float32 and block.ndim == 1 for block in blocks)
    return np.concatenate([*blocks, np.empty(0, np.float32)])


def tone(seconds, hz=440.0, rate_hz=16_000):
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * hz * times)).astype(np.float32)

"""Recordings of one person, cut out of a conversation by its reference."""

import numpy as np
import soundfile

from formats.rttm import turns_of

RATE_HZ = 16_000


def alone(audio, reference, speaker, begin_s=0.0, end_s=np.inf):
    """Samples in which only this speaker talks, one stretch after another, float32 (n,)."""
    samples, rate_hz = soundfile.read(audio, dtype="float32")
    assert rate_hz == RATE_HZ
    own, other = np.zeros(len(samples), bool), np.zeros(len(samples), bool)
    for turn in turns_of(reference.read_text().splitlines()):
        at = slice(turn.start_ms * RATE_HZ // 1000, turn.end_ms * RATE_HZ // 1000)
        (own if turn.speaker == speaker else other)[at] = True
    seconds = np.arange(len(samples)) / RATE_HZ
    return samples[own & ~other & (begin_s <= seconds) & (seconds < end_s)]

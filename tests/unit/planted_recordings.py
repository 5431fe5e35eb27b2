"""Recordings with a known answer, and fake networks that read it.

The level of the samples encodes who talks, one bit of 0.1 per speaker, and so do faint tones: the
level is for the networks that get samples, the tones are for the one that gets features, in which
no level is left. Speech detection gets samples scaled to another level, so it only sees whether
anybody talks.
"""

import zlib

import numpy as np

from diarization.fbank import fbank, mel_filters
from diarization.full.segmentation import CHUNK_FRAMES, CHUNK_SAMPLES, POWERSET, frame_centres
from diarization.options import Options, SadOptions, SpeakerBounds
from diarization.pipeline import diarize
from diarization.request import RequestOptions
from diarization.sad import FRAME_SAMPLES

SECOND = 16_000
ANY = SpeakerBounds()
SMALL_BLOCKS = Options(sad=SadOptions(block_s=10.24, cut_search_s=5.0, level_s=10.24))

LEVEL = 0.1
TONES_HZ = np.array([500, 1500, 4000])
PEDESTAL, LOUD = 2e-5, 1e-3  # amplitudes of a tone while its speaker is silent, and talks
TONE_BINS = mel_filters()[TONES_HZ * 2 * len(mel_filters()) // SECOND].argmax(axis=1)
AUDIBLE = 0.02  # above the tones amplified a hundredfold, below one speaker beside three at once
CERTAIN, UNLIKELY = 0.94, 0.01  # posterior of the true class, and of each other one


def recording(talk, length_s):
    """Samples of (speaker, begin in seconds, end in seconds), at most three speakers."""
    times = np.arange(round(length_s * SECOND))
    talks = np.zeros((len(TONES_HZ), len(times)), bool)
    for speaker, start_s, end_s in talk:
        talks[speaker, round(start_s * SECOND) : round(end_s * SECOND)] = True
    pulse = times % 1600 < 800  # a steady tone would go with the features' mean
    loudness = np.where(talks & pulse, LOUD, PEDESTAL)
    tones = np.sin(2 * np.pi * TONES_HZ[:, None] * times / SECOND)
    return (LEVEL * (2 ** np.arange(3) @ talks) + (loudness * tones).sum(axis=0)).astype(np.float32)


def heard_talking(samples):
    """Which speakers talk in each sample, shape=(n_samples, 3)."""
    bits = np.round(samples / LEVEL).astype(np.int64)
    return (bits[:, None] >> np.arange(3)) % 2 == 1


class FakeNetworks:
    """Networks that read the answer from the samples, and keep their input.

    Like the real one, the segmentation does not depend on the gain: the recording may be `gain`
    times as loud as planted.
    """

    fbank = staticmethod(fbank)

    def __init__(self, dim=192, gain=1.0):
        self.directions = np.random.default_rng(7).standard_normal((len(TONES_HZ), dim))
        self.gain = gain
        self.heard = np.empty(0, np.float32)
        self.n_sad_calls = 0
        self.chunk_batches = []
        self.window_batches = []
        self.local_orders = []

    def speech_probs(self, samples, state):
        """Share of each frame in which anybody talks."""
        assert (state is None) == (self.n_sad_calls == 0)
        self.heard = np.append(self.heard, samples)
        self.n_sad_calls += 1
        talks = np.pad(samples, (0, -len(samples) % FRAME_SAMPLES)) > AUDIBLE
        probs = talks.reshape(-1, FRAME_SAMPLES).mean(axis=1)
        return probs.astype(np.float32), np.zeros(1, np.float32)

    def segment(self, batches):
        """Posteriors of at most two speakers at a time, in another order in every chunk."""
        for batch in batches:
            self.chunk_batches.append(batch)
            yield np.stack([self.chunk_posteriors(chunk) for chunk in batch[:, 0]])

    def chunk_posteriors(self, chunk):
        assert chunk.shape == (CHUNK_SAMPLES,)
        order = np.random.default_rng(zlib.crc32(chunk.tobytes())).permutation(3)
        self.local_orders.append(tuple(order.tolist()))
        talks = heard_talking(chunk[frame_centres(CHUNK_FRAMES)] / self.gain)[:, order]
        classes = (talks @ POWERSET.T * 10 - POWERSET.sum(axis=1)).argmax(axis=1)
        return np.where(np.arange(7) == classes[:, None], CERTAIN, UNLIKELY).astype(np.float32)

    def embed(self, batches):
        """Mixture of the speakers in every window, and noise that differs from window to window.

        It does not depend on the features: their last bits are not the same on every machine.
        """
        for batch in batches:
            first = sum(map(len, self.window_batches))
            self.window_batches.append(batch)
            voices = [self.voice(*window) for window in enumerate(batch, start=first)]
            yield np.stack(voices).astype(np.float32)

    def voice(self, number, features):
        tones = features[:, TONE_BINS]
        shares = 2 * (tones > tones.min(axis=0) + 3).mean(axis=0)
        noise = np.random.default_rng(number)
        return shares @ self.directions + 0.3 * noise.standard_normal(self.directions.shape[1])


def found_in(audio, options, mode, speakers=ANY, models=None, exclusive=False):
    """Diarization of a recording that arrives in one stretch."""
    asked = RequestOptions("recording", speakers, mode, exclusive)
    return diarize([audio], models or FakeNetworks(), options, asked)


def turn_rows(found):
    """(label, begin, end) of every turn, comparable with what `recording` takes."""
    return [(turn.label, turn.start_s, turn.end_s) for turn in found.turns]


def furthest_s(rows, wanted):
    """Largest distance of two times in lists that hold the same speakers; infinite if not."""
    if [speaker for speaker, *_ in rows] != [speaker for speaker, *_ in wanted]:
        return np.inf
    return np.abs(np.array(rows, float) - np.array(wanted, float)).max(initial=0)


def long_talk(n_turns):
    """Speakers in turn, 3.2 s each and 1 s of silence after each."""
    return [(i % 2, 4.2 * i + 0.5, 4.2 * i + 3.7) for i in range(n_turns)]


def in_stretches(audio, length=SECOND):
    """The audio in stretches of `length` samples."""
    return np.split(audio, range(length, len(audio), length))

"""Voices of known similarity: handmade directions, and answers that have them."""

import json
from pathlib import Path

import numpy as np

from inputs.recordings import Recording
from sending.outcome import Answer
from voices.voice import Origin, Voice

NETWORK = "campplus"
X, Y, Z = np.eye(3)  # cosine 0


def direction(*numbers):
    """These numbers as a direction of length one, float32."""
    vector = np.array(numbers, np.float64)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def voice(name, centroid, network=NETWORK, file="a.wav", sha256=None):
    """A voice as enrolled from a recording whose checksum is its file's name."""
    origin = Origin(file, sha256 or file, 12.5, "run", "full", "2026-01-02T03:04:05+00:00")
    return Voice(name, network, direction(*centroid), origin)


def rttm_of(recording_id, speakers, turn_s=1.0):
    """One turn each, one after another."""
    return "".join(
        f"SPEAKER {recording_id} 1 {n * turn_s:.3f} {turn_s:.3f} <NA> <NA> {each} <NA> <NA>\n"
        for n, each in enumerate(speakers)
    )


def info_of(network=NETWORK, **more):
    """The service's INFO."""
    return json.dumps({"audio_s": 30.0, "mode": "full", "speaker_network": network} | more)


def answer(recording_id, centroids, names=None, **info):
    """An answer in which every speaker has one turn; `centroids` by label."""
    names = names or [f"SPEAKER_{n:02d}" for n in range(len(centroids))]
    return Answer(
        Recording(recording_id, Path(f"{recording_id}.wav")),
        rttm_of(recording_id, names).encode(),
        json.loads(info_of(**info)),
        0.5,
        [0.5] * len(names),
        list(range(len(names))),
        np.array(centroids, np.float32) if names else np.empty((0, 0), np.float32),
    )

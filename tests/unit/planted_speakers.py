"""Embeddings with a known answer: clusters around random directions on the sphere."""

import numpy as np

DIM = 192


def planted(n_speakers, n_windows, *, noise=0.7, seed=0):
    """Embeddings of windows that `n_speakers` take turns in, and their true speakers.

    With noise 0.7 two windows of one speaker have a cosine similarity of about 0.67, as speaker
    networks give for 1.5 s of clean speech; those of different speakers have one of about 0.
    """
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((n_speakers, DIM))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    truth = rng.permutation(np.arange(n_windows) % n_speakers)
    spread = noise / np.sqrt(DIM) * rng.standard_normal((n_windows, DIM))
    lengths = rng.uniform(0.5, 20, (n_windows, 1))
    return ((directions[truth] + spread) * lengths).astype(np.float32), truth


def same_partition(labels, truth):
    """Whether two labellings group the same things, whatever the numbers."""
    pairs = set(zip(labels.tolist(), truth.tolist(), strict=True))
    return len(pairs) == len(set(labels.tolist())) == len(set(truth.tolist()))

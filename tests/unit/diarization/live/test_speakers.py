"""Who the windows of a live recording are given to when its speakers are found again."""

import numpy as np

from diarization.live.speakers import UNASSIGNED, LiveSpeakers, labels_that_stay
from diarization.options import Options, SpeakerBounds


def test_a_window_keeps_its_speaker_unless_another_is_much_nearer():
    cosines = np.array([[0.5, 0.55], [0.5, 0.7], [0.5, 0.55]], np.float32)
    before = np.array([7, 7, UNASSIGNED])

    assert labels_that_stay(cosines, [7, 3], before).tolist() == [7, 3, 3]


def test_a_window_of_a_speaker_who_is_gone_is_the_nearest_ones():
    cosines = np.array([[0.5, 0.45]], np.float32)

    assert labels_that_stay(cosines, [7, 3], np.array([9])).tolist() == [7]


def test_noise_does_not_have_a_long_recording_clustered_all_the_time():
    rng = np.random.default_rng(0)
    speakers = LiveSpeakers(Options(), SpeakerBounds())
    embeddings = np.zeros((1000, 192), np.float32)
    embeddings[:, 0] = 5
    embeddings += rng.normal(size=embeddings.shape) / 3
    embeddings[::10] = rng.normal(size=(100, 192))  # unlike each other, too
    sizes = []
    for first in range(0, len(embeddings), 10):
        known = embeddings[: first + 10]
        begins = np.arange(first, first + 10) * 8_000
        speakers.add(begins)
        speakers.describe(begins, np.ones(10), np.ones(10))
        speakers.update(known[first:], lambda: sizes.append(len(known)) or known, 10, 0, set)  # noqa: B023

    assert len(speakers.ids) == 1
    assert sum(size > 600 for size in sizes) < 15  # of 40 steps, each with a window of noise
    assert sum(size < 300 for size in sizes) >= 15

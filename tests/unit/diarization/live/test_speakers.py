"""Who the windows of a live recording are given to when its speakers are found again."""

import numpy as np

from diarization.live.speakers import UNASSIGNED, labels_that_stay


def test_a_window_keeps_its_speaker_unless_another_is_much_nearer():
    cosines = np.array([[0.5, 0.55], [0.5, 0.7], [0.5, 0.55]], np.float32)
    before = np.array([7, 7, UNASSIGNED])

    assert labels_that_stay(cosines, [7, 3], before).tolist() == [7, 3, 3]


def test_a_window_of_a_speaker_who_is_gone_is_the_nearest_ones():
    cosines = np.array([[0.5, 0.45]], np.float32)

    assert labels_that_stay(cosines, [7, 3], np.array([9])).tolist() == [7]

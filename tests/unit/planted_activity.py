"""Who talks in each frame, one text of 1 and 0 per speaker."""

import numpy as np


def active(*columns):
    """shape=(n_frames, n_speakers), True where the text of the speaker says 1."""
    return np.array([[digit == "1" for digit in column] for column in columns]).T


def texts(activity):
    """What `active` makes such activity of."""
    return ["".join(str(int(talks)) for talks in column) for column in activity.T]

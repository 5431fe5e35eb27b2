"""Answers of the fake Triton server with given voices."""

import numpy as np

from unit.planted_voices import info_of, rttm_of


def answering(people, network="campplus", turn_s=1.0, **more):
    """A reply: recordings by id, each a list of (speaker's name in RTTM, centroid).

    `more` goes into INFO. An id without an entry is taken by its part before `-`.
    """

    def reply(call):
        found = people.get(call.recording_id, people.get(call.recording_id.partition("-")[0]))
        names = [name for name, _ in found]
        rows = [[n * turn_s, (n + 1) * turn_s, n] for n in range(len(found))]
        return {
            "RTTM": rttm_of(call.recording_id, names, turn_s),
            "INFO": info_of(network, **more),
            "CONFIDENCE": [0.75] * len(found),
            "LABELS": np.reshape(rows, (1, -1, 3)),
            "EMBEDDINGS": np.array([each for _, each in found]).reshape(len(found), -1)
            if found
            else np.empty((0, 0)),
        }

    return reply

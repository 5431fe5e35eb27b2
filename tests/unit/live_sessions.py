"""Live sessions with fake networks, whose journals are kept in memory."""

import numpy as np

from diarization.live.calls import run_together
from diarization.live.records import Journal
from diarization.live.session import LiveOptions, Session
from diarization.request import RequestOptions
from diarization.sad import FRAME_SAMPLES
from unit.planted_recordings import ANY, AUDIBLE, SMALL_BLOCKS, FakeNetworks, in_stretches

ASKED = RequestOptions("recording", ANY, "full")


class MemoryRecords:
    """Records in memory; `empty` has their type and, behind its first axis, their shape."""

    def __init__(self, empty):
        self._rows = empty

    def append(self, rows):
        self._rows = np.concatenate([self._rows, rows.astype(self._rows.dtype)])

    def __len__(self):
        return len(self._rows)

    def read(self, first, last):
        return self._rows[first:last]


def memory_journal(sample_type=np.float32):
    """An empty journal in memory."""
    empty = [
        np.empty(0, sample_type),
        np.empty(0, np.float32),
        np.empty((0, 589, 7), np.float16),
        np.empty((0, 192), np.float32),
    ]
    return Journal(*map(MemoryRecords, empty))


class LiveNetworks(FakeNetworks):
    """Fake networks that hear several streams at once, and embed without noise."""

    def __init__(self):
        super().__init__()
        self.sad_batches = []

    def speech_probs_of(self, samples, states):
        assert states.shape == (len(samples), 320)
        self.sad_batches.append(samples)
        padded = np.pad(samples, ((0, 0), (0, -samples.shape[1] % FRAME_SAMPLES)))
        talks = padded.reshape(len(samples), -1, FRAME_SAMPLES) > AUDIBLE
        return talks.mean(axis=2).astype(np.float32), states + 1

    def speech_probs(self, samples, state):
        states = np.zeros((1, 320), np.float32) if state is None else state
        probs, next_states = self.speech_probs_of(samples[None], states)
        return probs[0], next_states

    def voice(self, _number, features):
        return super().voice(0, features)


def new_session(latency_s=2.0, rate_hz=16_000, sample_type=np.float32, voices=False):
    live = LiveOptions(ASKED, rate_hz, latency_s, voices)
    return Session(SMALL_BLOCKS, live, memory_journal(sample_type), "campplus")


def advance(session, step, models):
    """Run one step to its end; return the events that it reported."""
    (error,) = run_together([step], models, 8, 64)
    if error is not None:
        raise error
    events = session.events
    session.forget(10**9)
    return events


def play(session, audio, models, length=8_000):
    """Let a session hear a whole recording in pieces; return its events."""
    events = []
    for piece in in_stretches(audio, length):
        events += advance(session, session.hear(piece), models)
    return events + advance(session, session.end(), models)


def turns_in(events):
    """(speaker, begin s, end s) of the turns when all events have arrived, in order of begin."""
    turns = {}
    for event in events:
        if event["type"] == "turn":
            turns[event["id"]] = dict(event)
        elif event["type"] == "relabel":
            for number in event.get("turns", turns):
                if turns[number]["speaker"] == event["from"]:
                    turns[number]["speaker"] = event["to"]
    rows = [(turn["speaker"], turn["start_s"], turn["end_s"]) for turn in turns.values()]
    return sorted(rows, key=lambda row: row[1:])

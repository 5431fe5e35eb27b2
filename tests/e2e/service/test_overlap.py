"""Both modes on real voices that overlap."""

from itertools import pairwise

import numpy as np
import pytest
import soundfile

from e2e.calls import diarize, wav_bytes

RATE_HZ = 16_000
STRETCH_S = 3.2
TOGETHER_S = 3.0

pytestmark = pytest.mark.triton


def solo_stretches(rttm):
    """Longest stretch (begin s, end s) in which each reference speaker talks alone."""
    rows = [line.split() for line in rttm.read_text().splitlines()]
    turns = [(float(r[3]), float(r[3]) + float(r[4]), r[7]) for r in rows]
    borders = sorted({border for turn in turns for border in turn[:2]})
    longest = {}
    for begin, end in pairwise(borders):
        talking = {who for b, e, who in turns if b <= begin and end <= e}
        if len(talking) == 1:
            who = talking.pop()
            longest[who] = max(longest.get(who, (0, 0)), (begin, end), key=lambda s: s[1] - s[0])
    return [longest[who] for who in sorted(longest)]


@pytest.fixture(scope="module")
def two_at_once(sample):
    """Two voices in turn, then for 3 s both: the file, and where they begin to talk at once."""
    samples, _ = soundfile.read(sample, dtype="float32")
    one, other = (
        samples[round(begin * RATE_HZ) :][: round(STRETCH_S * RATE_HZ)]
        for begin, end in solo_stretches(sample.with_suffix(".rttm"))
        if end - begin >= STRETCH_S
    )
    n_together = round(TOGETHER_S * RATE_HZ)
    alternating = [one, other, one, other]
    together = one[:n_together] + other[:n_together]
    return wav_bytes(np.concatenate([*alternating, together])), len(alternating) * STRETCH_S


def overlaps(turns, after_s=0.0):
    """Seconds after `after_s` that each pair of turns of different speakers has in common."""
    return [
        min(one[1], other[1]) - max(one[0], other[0], after_s)
        for n, one in enumerate(turns)
        for other in turns[n + 1 :]
        if one[2] != other[2]
    ]


def test_overlapping_speech_gives_overlapping_turns(server, two_at_once):
    encoded, together_from_s = two_at_once
    answer = diarize(server, encoded)
    assert answer.info["mode"] == "full"
    assert answer.info["n_speakers"] == 2
    assert max(overlaps(answer.turns, together_from_s)) >= 1.0


@pytest.mark.parametrize("recording", ["two at once", "sample"])
def test_in_the_classic_mode_no_turns_overlap(server, sample, two_at_once, recording):
    encoded = sample.read_bytes() if recording == "sample" else two_at_once[0]
    answer = diarize(server, encoded, mode="classic")
    assert answer.info["mode"] == "classic"
    assert answer.info["models"] == {"sad": "sad", "speaker": "speaker_model"}
    assert answer.info["n_speakers"] == 2
    assert max(overlaps(answer.turns)) <= 0

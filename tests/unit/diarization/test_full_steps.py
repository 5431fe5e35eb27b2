"""Who talks when, once the speakers are known, on blocks that can be counted by hand."""

from itertools import pairwise

import numpy as np
import pytest

from diarization.full.activity import Stretch
from diarization.full.assignment import assign_turns, best_windows, block_stretches, middle_of
from diarization.options import FrameOptions, SpeakerBounds
from diarization.request import RequestOptions
from diarization.turns import Turn
from unit.planted_blocks import AB, N_FRAMES, NOBODY, A, B, block, edge_s

FRAMES = FrameOptions()
ANY = SpeakerBounds()


def turns_of(blocks, shares, speakers=ANY, *, exclusive=False):
    asked = RequestOptions("recording", speakers, "full", exclusive)
    return assign_turns(blocks, np.array(shares, np.float32), FRAMES, asked)


def rows_of(*arguments, **options):
    """(begin in seconds, end in seconds, speaker) of the turns."""
    return [(turn.start_s, turn.end_s, turn.label) for turn in turns_of(*arguments, **options)]


def stretches_of(block, shares, frames=FRAMES, *, exclusive=False):
    """(begin, end, speaker) of the stretches in a block."""
    found = block_stretches(block, np.array(shares, np.float32), frames, exclusive)
    return [stretch[:3] for stretch in found]


def test_speech_that_all_windows_give_to_one_is_one_turn_as_sure_as_both_together():
    # a chunk's 1 and windows' 0.9, which weigh twice as much
    sureness = pytest.approx((1 + 2 * 0.9) / 3)

    assert turns_of([block(16_000)], [[0.9, 0.1]] * 3) == [Turn(1.0, 3.0, 0, sureness)]


@pytest.mark.parametrize("share", [0.55, 0.75, 1.0])
def test_a_voice_between_two_is_less_sure(share):
    (turn,) = turns_of([block()], [[share, 1 - share]] * 3)

    assert turn.confidence == pytest.approx((1 + 2 * share) / 3)


def test_two_local_speakers_are_the_two_whom_the_windows_hear_there():
    shares = [[0.1, 0.9], [0.5, 0.5], [0.9, 0.1]]
    found = stretches_of(block(1_000, ((A, 40), (AB, 20), (B, 57))), shares)

    # frame 40 begins with sample 11160, frame 60 with 16560
    assert found == [(1_000, 17_560, 1), (12_160, 33_000, 0)]


def test_of_two_at_once_only_the_likeliest_talks_if_turns_are_exclusive():
    shares = [[0.1, 0.9], [0.5, 0.5], [0.9, 0.1]]
    found = stretches_of(block(1_000, ((A, 40), (AB, 20), (B, 57))), shares, exclusive=True)

    # by windows it is even in sample 16000, in frame 57; frame 58 begins with 16020
    assert found == [(1_000, 17_020, 1), (17_020, 33_000, 0)]


def test_exclusive_turns_hold_no_blip_where_two_talk_at_once():
    both, shares = block(classes=((AB, N_FRAMES),)), [[0.9, 0.1], [0.2, 0.8], [0.9, 0.1]]

    # the windows say 1 only for less than 1333 samples from the middle, 10 frames
    assert stretches_of(both, shares) == [(0, 32_000, 0), (0, 32_000, 1)]
    assert stretches_of(both, shares, exclusive=True) == [(0, 32_000, 0)]


PAUSE = ((A, 40), (B, 25), (A, 52))


def test_a_pause_that_another_fills_is_filled_unless_turns_are_exclusive():
    one, shares = block(classes=PAUSE), [[0.5, 0.5]] * 3
    begin, end = 270 * 40 + 360, 270 * 65 + 360

    assert stretches_of(one, shares) == [(0, 32_000, 0), (begin, end, 1)]
    assert stretches_of(one, shares, exclusive=True) == [
        (0, begin, 0),
        (begin, end, 1),
        (end, 32_000, 0),
    ]


@pytest.mark.parametrize(("turn_fill_s", "n_turns"), [(0.42, 2), (0.44, 1)])
def test_pauses_of_a_speaker_shorter_than_the_limit_are_filled(turn_fill_s, n_turns):
    frames = FrameOptions(turn_fill_s=turn_fill_s)  # 25 and 26 frames
    found = stretches_of(block(classes=PAUSE), [[0.5, 0.5]] * 3, frames)

    assert len([speaker for *_, speaker in found if speaker == 0]) == n_turns


@pytest.mark.parametrize(("least_turn_s", "speakers"), [(0.42, [0, 1]), (0.44, [0])])
def test_a_turn_shorter_than_the_limit_goes_to_who_talks_beside_it(least_turn_s, speakers):
    frames = FrameOptions(least_turn_s=least_turn_s)  # 25 and 26 frames
    found = stretches_of(block(classes=PAUSE), [[0.5, 0.5]] * 3, frames)

    assert [speaker for *_, speaker in found] == speakers


@pytest.mark.parametrize(("window_weight", "speaker"), [(0.0, 0), (1.9, 0), (2.1, 1)])
def test_chunks_and_windows_are_weighed_against_each_other(window_weight, speaker):
    # the local speaker is 0 by most windows; in the last frames the windows say 1 by 0.75 to 0.25
    frames = FrameOptions(window_weight=window_weight, least_turn_s=0.0)
    found = stretches_of(block(), [[1, 0], [1, 0], [0.25, 0.75]], frames)

    assert max(found, key=lambda stretch: stretch[1])[2] == speaker


def test_nobody_talks_outside_speech_and_a_silent_block_has_no_stretches():
    found = rows_of([block(classes=((NOBODY, 58), (A, 59)))], [[0.9, 0.1]] * 2)
    silent = block(classes=((NOBODY, N_FRAMES),))

    assert found == [(edge_s(58), 2.0, 0)]
    assert stretches_of(silent, np.empty((0, 2))) == []
    assert len(silent.windows) == 0


def test_every_block_gets_the_windows_that_are_its_own():
    silent = block(32_000, classes=((NOBODY, N_FRAMES),))
    late = block(64_000, classes=((NOBODY, 58), (A, 59)))
    blocks = [block(0), silent, late, block(96_000)]
    shares = [[0.9, 0.1]] * 3 + [[0.2, 0.8]] * 2 + [[0.7, 0.3]] * 3

    assert rows_of(blocks, shares) == [(0, 2, 0), (4 + edge_s(58), 6, 1), (6, 8, 0)]


def test_a_turn_across_blocks_is_one():
    blocks = [block(0), block(32_000), block(64_000)]

    assert rows_of(blocks, [[0.6, 0.4]] * 9) == [(0, 6, 0)]


NOWHERE_LIKELIEST = [[0.9, 0.1, 0.0], [0.7, 0.1, 0.2], [0.95, 0.0, 0.05]]


def test_who_is_nowhere_the_likeliest_is_left_out():
    assert rows_of([block()], NOWHERE_LIKELIEST) == [(0, 2, 0)]
    assert rows_of([block()], NOWHERE_LIKELIEST, SpeakerBounds(1, 3)) == [(0, 2, 0)]


def test_who_wins_nowhere_gets_the_middle_of_his_best_window_when_the_minimum_asks_for_him():
    _, added = found = turns_of([block()], NOWHERE_LIKELIEST, SpeakerBounds(2, 3))

    assert [turn.label for turn in found] == [0, 2], "0.2 of the third is more than 0.1"
    assert added == Turn(0.75, 1.25, 2, pytest.approx(0.2))


def test_all_who_are_asked_for_get_a_turn():
    found = rows_of([block()], NOWHERE_LIKELIEST, SpeakerBounds(3, 3))

    assert found == [(0, 2, 0), (0.25, 0.75, 1), (0.75, 1.25, 2)]


def test_the_best_window_of_all_blocks_is_taken():
    shares = [[0.9, 0.1]] * 3 + [[0.8, 0.2], [0.9, 0.1], [0.6, 0.4]]
    found = rows_of([block(0), block(48_000)], shares, SpeakerBounds(2, 2))

    assert found == [(0, 2, 0), (3, 5, 0), (4.25, 4.75, 1)]


def test_no_more_are_added_than_there_are_clusters():
    assert rows_of([block()], [[1.0]] * 3, SpeakerBounds(4, 4)) == [(0, 2, 0)]


def test_if_turns_are_exclusive_who_is_added_takes_the_place_of_who_talks_there():
    two = rows_of([block()], NOWHERE_LIKELIEST, SpeakerBounds(2, 3), exclusive=True)
    three = rows_of([block()], NOWHERE_LIKELIEST, SpeakerBounds(3, 3), exclusive=True)

    assert two == [(0, 0.75, 0), (0.75, 1.25, 2), (1.25, 2, 0)]
    assert three == [(0, 0.25, 0), (0.25, 0.75, 1), (0.75, 1.25, 2), (1.25, 2, 0)]


def test_two_with_one_best_window_both_get_a_turn_if_turns_are_exclusive():
    shares = [[0.9, 0.05, 0.05], [0.6, 0.15, 0.25], [0.95, 0.0, 0.05]]
    found = rows_of([block()], shares, SpeakerBounds(3, 3), exclusive=True)

    assert {speaker for *_, speaker in found} == {0, 1, 2}
    assert all(a[1] <= b[0] for a, b in pairwise(found))


def test_who_is_heard_only_where_another_is_added_keeps_a_turn():
    one = block(classes=((A, 45), (B, 25), (A, 47)))  # B talks from 0.78 to 1.2 s
    shares = [[0.9, 0.1, 0.0], [0.5, 0.28, 0.22], [0.95, 0.05, 0.0]]

    for exclusive in (False, True):
        found = rows_of([one], shares, SpeakerBounds(3, 3), exclusive=exclusive)
        assert {speaker for *_, speaker in found} == {0, 1, 2}


def test_the_best_windows_are_those_of_the_recording_the_surest_first():
    shares = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.05, 0.95], [0.5, 0.5]]

    assert best_windows([block(0), block(48_000)], np.array(shares)) == [
        Stretch(56_000, 72_000, 1, 0.95),
        Stretch(0, 16_000, 0, 0.9),
    ]


def test_the_middle_of_a_stretch_is_no_longer_than_it():
    stretch = Stretch(1_000, 17_000, 3, 0.5)

    assert middle_of(stretch, 8_000) == Stretch(5_000, 13_000, 3, 0.5)
    assert middle_of(stretch, 16_000) == middle_of(stretch, 20_000) == stretch

"""The full pipeline with fake networks that read the answer from the samples, overlap included."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarization.options import CallOptions, FrameOptions, Options, SpeakerBounds
from diarization.pipeline import diarize
from diarization.request import RequestOptions
from unit.planted_recordings import (
    ANY,
    SECOND,
    SMALL_BLOCKS,
    FakeNetworks,
    found_in,
    furthest_s,
    in_stretches,
    long_talk,
    recording,
    turn_rows,
)
from unit.seeded import seeded

TWO_FRAMES_S = 2 * 270 / SECOND
TALK = [(0, 1.0, 6.0), (1, 5.0, 9.0), (0, 10.0, 14.0), (1, 13.0, 18.0), (0, 19.0, 23.0)]


def full(audio, options=SMALL_BLOCKS, speakers=ANY, models=None):
    return found_in(audio, options, "full", speakers, models)


def exactly(n_speakers):
    return SpeakerBounds(n_speakers, n_speakers)


def test_overlapping_speech_comes_back_as_two_turns_at_the_right_time():
    models = FakeNetworks()
    found = full(recording(TALK, 24), Options(), models=models)

    assert furthest_s(turn_rows(found), TALK) <= TWO_FRAMES_S
    assert found.n_speakers == 2
    assert len(set(models.local_orders)) >= 3, "local speakers were in another order per chunk"


def test_a_change_of_speaker_without_a_pause_is_found_to_the_frame():
    talk = [(0, 0.5, 6.0), (1, 6.0, 11.5)]

    assert furthest_s(turn_rows(full(recording(talk, 12), Options())), talk) <= TWO_FRAMES_S


def test_a_word_of_one_inside_the_turn_of_another_is_found():
    talk = [(0, 0.5, 9.0), (1, 4.0, 4.7), (1, 10.0, 15.0)]

    assert furthest_s(turn_rows(full(recording(talk, 16), Options())), talk) <= TWO_FRAMES_S


def test_three_speakers_two_at_a_time():
    talk = [(0, 0.5, 5), (1, 4, 9), (2, 8.2, 13), (0, 12, 16), (2, 15, 19), (1, 18, 22)]

    assert furthest_s(turn_rows(full(recording(talk, 23), Options())), talk) <= TWO_FRAMES_S


def test_speech_from_end_to_end_begins_and_ends_with_the_audio():
    assert turn_rows(full(recording([(0, 0, 12.34)], 12.34), Options())) == [(0, 0.0, 12.34)]


def test_one_speaker_is_one_turn_without_overlap():
    found = full(recording([(2, 1, 20)], 21), Options())

    assert furthest_s(turn_rows(found), [(0, 1, 20)]) <= TWO_FRAMES_S


def relay(overlap_s):
    """Every speaker begins before the previous one ends."""
    return [(i % 2, 4 * i + 1, 4 * i + 5 + overlap_s) for i in range(6)]


@pytest.mark.parametrize(
    "talk",
    [
        TALK,
        relay(0.8),
        relay(0.5),
    ],
)
def test_three_blocks_give_the_turns_of_one_block(talk):
    audio = recording(talk, 27)
    models = FakeNetworks()
    in_blocks, in_one = full(audio, models=models), full(audio, Options())

    assert furthest_s(turn_rows(in_one), talk) <= TWO_FRAMES_S
    assert furthest_s(turn_rows(in_blocks), turn_rows(in_one)) <= TWO_FRAMES_S
    assert models.n_sad_calls == 3


def test_a_speaker_who_talks_across_a_cut_has_one_turn():
    found = full(recording([(0, 1, 29)], 30))

    assert furthest_s(turn_rows(found), [(0, 1, 29)]) <= TWO_FRAMES_S


@pytest.mark.parametrize("num_speakers", [1, 2, 3])
@pytest.mark.parametrize("options", [Options(), SMALL_BLOCKS])
def test_num_speakers_is_met_exactly_where_two_talk(num_speakers, options):
    found = full(recording(TALK, 24), options, exactly(num_speakers))

    assert found.n_speakers == num_speakers
    assert {label for label, *_ in turn_rows(found)} == set(range(num_speakers))
    if num_speakers == 2:
        assert furthest_s(turn_rows(found), TALK) <= TWO_FRAMES_S


def test_one_requested_speaker_has_one_turn_where_two_overlap():
    found = full(recording(TALK, 24), Options(), exactly(1))
    wanted = [(0, 1.0, 9.0), (0, 10.0, 18.0), (0, 19.0, 23.0)]

    assert furthest_s(turn_rows(found), wanted) <= TWO_FRAMES_S


@pytest.mark.parametrize("n_samples", [0, 1, 300, 495, 496, 5_000])
def test_silence_has_no_turns_and_nothing_is_embedded(n_samples):
    models = FakeNetworks()
    found = full(recording([], 1)[:n_samples], models=models)

    assert (found.turns, found.n_windows, models.window_batches) == ([], 0, [])
    assert len(models.chunk_batches) == (n_samples > 0)


@pytest.mark.parametrize(("n_samples", "n_turns"), [(1, 0), (300, 0), (5_000, 1)])
def test_short_speech_is_one_turn_if_it_is_long_enough(n_samples, n_turns):
    found = full(recording([(1, 0, 1)], 1)[:n_samples], speakers=exactly(2))

    assert turn_rows(found) == [(0, 0.0, n_samples / SECOND)] * n_turns


@pytest.mark.parametrize("n_per_call", [1, 3, 8])
@pytest.mark.parametrize("options", [Options(), SMALL_BLOCKS])
def test_batches_of_chunks_and_windows_are_within_the_limits(n_per_call, options):
    models = FakeNetworks()
    options = Options(sad=options.sad, calls=CallOptions(windows=n_per_call, chunks=n_per_call))
    found = full(recording(TALK, 24), options, models=models)

    chunks = [len(batch) for batch in models.chunk_batches]
    windows = [len(batch) for batch in models.window_batches]
    n_blocks = 1 if options.sad.block_s == 600 else models.n_sad_calls + 1
    assert all(batch.shape[1:] == (1, 160_000) for batch in models.chunk_batches)
    assert all(batch.shape[1:] == (98, 80) for batch in models.window_batches)
    assert max(chunks) <= n_per_call
    assert max(windows) <= n_per_call
    assert len(chunks) <= sum(chunks) / n_per_call + n_blocks
    assert len(windows) <= sum(windows) / n_per_call + n_blocks
    assert found.n_windows == sum(windows)
    assert furthest_s(turn_rows(found), TALK) <= TWO_FRAMES_S


def test_a_block_of_24_s_is_up_to_thirteen_chunks():
    models = FakeNetworks()
    full(recording(TALK, 24), Options(frames=FrameOptions(overlap_share=0)), models=models)

    # starts 0, 5, 10 s and the last at 14 s; then 1.25, 2.5, 3.75, 6.25, ..., 13.75 s
    assert [len(batch) for batch in models.chunk_batches] == [4, 9]


def test_audio_is_read_only_as_far_as_the_next_batch_needs():
    audio = recording(long_talk(15), 65)
    n_read, ahead = 0, []

    def read():
        nonlocal n_read
        n_read = 0
        for stretch in in_stretches(audio):
            n_read += len(stretch)
            yield stretch

    class Watched(FakeNetworks):
        def segment(self, batches):
            ahead.append(n_read / SECOND)
            return super().segment(batches)

    diarize(read(), Watched(), SMALL_BLOCKS, RequestOptions("recording", ANY, "full"))
    assert n_read == len(audio)
    assert len(ahead) >= 6
    assert all(later <= 10.24 * (n + 3) + 1 for n, later in enumerate(ahead)), "block by block"


def test_the_same_recording_has_the_same_turns():
    audio = recording(TALK, 24)

    assert full(audio) == full(audio.copy())


def test_the_recording_is_left_as_it_was():
    audio = recording(TALK, 24)
    before = audio.tobytes()
    full(audio)

    assert audio.tobytes() == before


def test_an_error_of_the_segmentation_is_raised():
    class Broken(FakeNetworks):
        def segment(self, batches):
            next(iter(batches))
            raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        full(recording(TALK, 24), models=Broken())


stretches_of_talk = st.lists(
    st.tuples(st.integers(0, 2), st.floats(0, 18), st.floats(0.02, 9)), max_size=6
)


@seeded(40)
@given(stretches_of_talk, st.integers(1, 320_000), st.integers(1, 4), st.integers(0, 3))
def test_turns_are_in_order_inside_the_audio_and_those_of_one_speaker_apart(
    talk, n_samples, minimum, more
):
    audio = recording([(who, begin, begin + length) for who, begin, length in talk], 20)[:n_samples]
    speakers = SpeakerBounds(minimum, minimum + more)
    found = full(audio, speakers=speakers)
    turns = found.turns

    assert [turn.start_s for turn in turns] == sorted(turn.start_s for turn in turns)
    assert all(0 <= turn.start_s < turn.end_s <= n_samples / SECOND for turn in turns)
    assert list(dict.fromkeys(turn.label for turn in turns)) == list(range(found.n_speakers))
    assert found.n_speakers <= min(speakers.maximum, found.n_windows)
    for label in range(found.n_speakers):
        own = [turn for turn in turns if turn.label == label]
        assert all(a.end_s < b.start_s for a, b in pairwise(own))
    assert (found.n_windows == 0) == (turns == [])

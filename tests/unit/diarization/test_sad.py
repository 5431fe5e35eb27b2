"""Speech detection: thresholds, one level for all recordings, and work ahead."""

import contextlib
import gc
import threading
import weakref

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from diarization.options import Options, SadOptions
from diarization.sad import (
    FRAME_SAMPLES,
    hysteresis,
    join_close,
    leveled_stretches,
    one_ahead,
    runs,
    speech_blocks,
    speech_segments,
)
from unit.planted_recordings import (
    FakeNetworks,
    found_in,
    furthest_s,
    in_stretches,
    recording,
    turn_rows,
)
from unit.seeded import seeded

FRAME_S = FRAME_SAMPLES / 16_000
BARE = SadOptions(onset=0.5, offset=0.3, fill_s=0.0, drop_s=0.025, pad_s=0.0)


def frames(segments):
    return (np.asarray(segments) / FRAME_SAMPLES).tolist()


def segments_of(probs, **options):
    probs = np.array(probs, np.float32)
    bare = {"onset": 0.5, "offset": 0.3, "fill_s": 0.0, "drop_s": 0.025, "pad_s": 0.0}
    return speech_segments(probs, len(probs) * FRAME_SAMPLES, SadOptions(**{**bare, **options}))


@pytest.mark.parametrize(
    ("probs", "active"),
    [
        ([], []),
        ([0.4], [0]),
        ([0.5], [1]),
        ([0.4, 0.6, 0.4, 0.3, 0.2, 0.4], [0, 1, 1, 1, 0, 0]),
        ([0.9, 0.2, 0.9, 0.4, 0.4], [1, 0, 1, 1, 1]),
        ([0.4, 0.4, 0.2, 0.4, 0.6], [0, 0, 0, 0, 1]),
    ],
)
def test_speech_lasts_from_onset_until_below_offset(probs, active):
    decided = hysteresis(np.array(probs, np.float32), np.float32(0.5), np.float32(0.3))

    assert decided.astype(int).tolist() == active


@pytest.mark.parametrize(
    ("active", "found"),
    [
        ([], []),
        ([0, 0], []),
        ([1], [[0, 1]]),
        ([0, 1, 1, 0, 1], [[1, 3], [4, 5]]),
        ([1, 1, 0, 0, 1, 0], [[0, 2], [4, 5]]),
    ],
)
def test_runs_are_begin_and_end_of_every_stretch(active, found):
    found_runs = runs(np.array(active, bool))

    assert found_runs.tolist() == found
    assert found_runs.shape == (len(found), 2)
    assert found_runs.dtype == np.int64


@pytest.mark.parametrize(
    ("min_gap", "joined"),
    [
        (0, [[0, 5], [5, 10], [13, 20]]),
        (1, [[0, 10], [13, 20]]),
        (3, [[0, 10], [13, 20]]),
        (4, [[0, 20]]),
    ],
)
def test_only_gaps_shorter_than_the_limit_are_filled(min_gap, joined):
    segments = np.array([[0, 5], [5, 10], [13, 20]])

    assert join_close(segments, min_gap).tolist() == joined
    assert join_close(segments[:0], min_gap).shape == (0, 2)


def test_no_speech_has_no_segments():
    for probs in ([], [0.0], [0.49] * 100):
        segments = segments_of(probs)
        assert segments.shape == (0, 2)
        assert segments.dtype == np.int64


def test_speech_from_end_to_end_is_one_segment():
    assert segments_of([0.9] * 10).tolist() == [[0, 5120]]


def test_a_gap_of_exactly_fill_s_stays():
    probs = [1, 0, 0, 1, 0, 0, 0, 1]

    assert frames(segments_of(probs, fill_s=3 * FRAME_S)) == [[0, 4], [7, 8]]


def test_speech_of_exactly_drop_s_stays():
    probs = [1, 1, 0, 1, 1, 1, 0, 1]

    assert frames(segments_of(probs, drop_s=3 * FRAME_S)) == [[3, 6]]


def test_gaps_are_filled_before_blips_are_dropped():
    probs = [1, 0, 1, 0, 0, 0, 1]

    assert frames(segments_of(probs, fill_s=2 * FRAME_S, drop_s=3 * FRAME_S)) == [[0, 3]]


def test_padding_stays_inside_the_audio_and_joins_what_it_makes_touch():
    probs = [1, 0, 0, 1, 0, 0, 0, 0, 1, 0]

    assert frames(segments_of(probs, pad_s=FRAME_S)) == [[0, 5], [7, 10]]


def test_a_last_frame_that_is_not_full_ends_with_the_audio():
    probs = np.array([0, 1, 1], np.float32)

    assert speech_segments(probs, 2 * FRAME_SAMPLES + 100, BARE).tolist() == [[512, 1124]]


prob_lists = arrays(np.float32, st.integers(0, 80), elements=st.floats(0, 1, width=32))


@seeded(100)
@given(
    probs=prob_lists,
    missing=st.integers(0, FRAME_SAMPLES - 1),
    fill_s=st.floats(0, 0.5),
    drop_s=st.floats(0.025, 0.5),
    pad_s=st.floats(0, 0.5),
)
@example(np.ones(1, np.float32), 511, 0.0, 0.025, 0.5)
def test_segments_are_sorted_disjoint_and_inside_the_audio(probs, missing, fill_s, drop_s, pad_s):
    n_samples = max(0, len(probs) * FRAME_SAMPLES - missing)
    options = SadOptions(fill_s=fill_s, drop_s=drop_s, pad_s=pad_s)
    segments = speech_segments(probs, n_samples, options)

    assert (np.diff(segments, axis=1) >= 400).all(), "long enough for one frame of features"
    assert (np.diff(segments.ravel()) > 0).all()
    assert segments.size == 0 or (segments.min() >= 0 and segments.max() <= n_samples)


@seeded()
@given(probs=prob_lists)
def test_without_smoothing_every_frame_over_onset_is_speech_and_none_below_offset(probs):
    bare = SadOptions(onset=0.6, offset=0.6, fill_s=0.0, drop_s=0.025, pad_s=0.0)
    spoken = np.zeros(len(probs) * FRAME_SAMPLES, bool)
    for begin, end in speech_segments(probs, len(spoken), bare):
        spoken[begin:end] = True

    assert spoken.tolist() == np.repeat(probs >= 0.6, FRAME_SAMPLES).tolist()


@seeded()
@given(probs=prob_lists)
def test_probabilities_are_left_as_they_were(probs):
    before = probs.copy()
    speech_segments(probs, len(probs) * FRAME_SAMPLES, SadOptions())

    assert probs.tobytes() == before.tobytes()


TALK = [(0, 1.0, 3.8), (1, 4.9, 7.2), (0, 8.3, 12.0), (1, 13.1, 13.9), (1, 15.0, 19.5)]


def leveled(samples):
    """The samples as the detector gets them if they are the whole recording."""
    ((_, scaled),) = leveled_stretches([samples], 60)
    return scaled


def stretch(rest, *others):
    """1001 samples: the 99.9th percentile of their magnitudes is the second greatest."""
    samples = np.full(1001, rest, np.float32)
    samples[100 : 100 + len(others)] = others
    return samples


def voice(seed=0, peak=0.5, n=5_000):
    return peak * np.random.default_rng(seed).uniform(-1, 1, n).astype(np.float32)


@pytest.mark.parametrize("loud", [0.003, 0.1, 0.3, 0.9, 30.0])
def test_loud_samples_come_out_at_the_same_magnitude(loud):
    samples = stretch(loud) * np.where(np.arange(1001) % 2, 1, -1).astype(np.float32)
    found = leveled(samples)

    assert found == pytest.approx(np.sign(samples) * 0.3, rel=3e-4)
    assert found.dtype == np.float32


def test_faint_samples_keep_their_share_of_the_loud_ones():
    assert leveled(stretch(0.1, 0.05, -0.01, 0.0))[99:104] == pytest.approx(
        [0.3, 0.15, -0.03, 0.0, 0.3], rel=3e-4
    )


@pytest.mark.parametrize("gain", [0.1, 0.01, 3.0])
def test_a_recording_20_or_40_db_fainter_is_heard_the_same(gain):
    assert leveled(voice() * np.float32(gain)) == pytest.approx(leveled(voice()), rel=6e-4)


@seeded()
@given(st.integers(-6, 6), st.integers(0, 99))
def test_half_as_loud_is_heard_the_same_to_the_bit(halvings, seed):
    fainter = voice(seed) * np.float32(2.0**-halvings)

    assert leveled(fainter).tobytes() == leveled(voice(seed)).tobytes()


@pytest.mark.parametrize(("loud", "heard"), [(0.003, 0.3), (0.0015, 0.15), (1e-6, 1e-4)])
def test_nothing_is_amplified_more_than_a_hundredfold(loud, heard):
    assert leveled(stretch(loud)) == pytest.approx(stretch(heard), rel=3e-4)


def test_silence_stays_silence():
    assert leveled(stretch(0.0)).tolist() == [0.0] * 1001


def test_leveling_no_samples_gives_no_samples():
    assert list(leveled_stretches([np.empty(0, np.float32)], 60)) == []


def test_a_single_sample_sets_the_level():
    assert leveled(np.array([-0.1], np.float32)) == pytest.approx([-0.3], rel=3e-4)


def test_a_single_click_does_not_set_the_level():
    assert leveled(stretch(0.1, 1.0))[99:102] == pytest.approx([0.3, 3.0, 0.3], rel=3e-4)
    assert leveled(stretch(0.1, 1.0, -1.0))[99:103] == pytest.approx(
        [0.03, 0.3, -0.3, 0.03], rel=3e-4
    )


def test_speech_sets_the_level_even_if_it_is_a_hundredth_of_the_stretch():
    found = leveled(stretch(0.001, *[0.1] * 10))

    assert found[99:111] == pytest.approx([0.003, *[0.3] * 10, 0.003], rel=3e-4)


def test_the_samples_are_left_as_they_were():
    samples = voice()
    before = samples.copy()
    leveled(samples)

    assert samples.tobytes() == before.tobytes()


class Detector:
    """Returns the magnitude of each frame as the probability of speech; keeps its input."""

    def __init__(self):
        self.heard = np.empty(0, np.float32)

    def __call__(self, samples, state):
        self.heard = np.append(self.heard, samples)
        return np.abs(samples.reshape(-1, FRAME_SAMPLES)).mean(axis=1), state


LEVEL_S = 60
LEVEL = LEVEL_S * 16_000


def quiet_then_loud(n_quiet):
    """Noise 40 dB below the voice that follows."""
    loud = voice(n=4 * LEVEL)
    loud[:n_quiet] *= np.float32(0.01)
    return loud


@pytest.mark.parametrize("block_s", [20.48, 61.44, 122.88])
@pytest.mark.parametrize("length", [10_000, LEVEL, 4 * LEVEL])
def test_what_is_heard_does_not_depend_on_stretches_and_blocks(block_s, length):
    audio, detector = quiet_then_loud(LEVEL // 2), Detector()
    options = SadOptions(block_s=block_s, cut_search_s=10)
    stretches = leveled_stretches(in_stretches(audio, length), LEVEL_S)
    blocks = list(speech_blocks(stretches, detector, options))

    scaled = [scaled for _, scaled in leveled_stretches([audio], LEVEL_S)]
    assert detector.heard.tobytes() == np.concatenate(scaled).tobytes()
    assert np.concatenate([block.samples for block in blocks]).tobytes() == audio.tobytes()
    assert (
        np.concatenate([block.probs for block in blocks])[: LEVEL // FRAME_SAMPLES // 2].max()
        < 0.01
    )


def test_what_follows_does_not_change_what_was_heard():
    audio = quiet_then_loud(LEVEL // 2)
    heard = [scaled.tobytes() for _, scaled in leveled_stretches([audio], LEVEL_S)]
    audio[2 * LEVEL :] *= 100

    again = [scaled.tobytes() for _, scaled in leveled_stretches([audio], LEVEL_S)]
    assert again[:2] == heard[:2]
    assert again[2] != heard[2]


def test_a_stretch_is_scaled_by_the_level_of_all_before_it():
    audio = quiet_then_loud(3 * LEVEL)
    last = list(leveled_stretches([audio], LEVEL_S))[-1][1]

    loud = np.sort(np.abs(audio[: 3 * LEVEL]))[round(0.999 * 3 * LEVEL)]
    np.testing.assert_allclose(last, audio[3 * LEVEL :] * 0.3 / loud, rtol=1e-3)


@pytest.mark.parametrize("mode", ["classic", "full"])
@pytest.mark.parametrize("gain", [0.1, 0.01])
def test_a_faint_recording_has_the_turns_of_a_loud_one(mode, gain):
    audio = recording(TALK, 21)
    faint = audio * np.float32(gain)
    found = found_in(faint, Options(), mode, models=FakeNetworks(gain=gain))

    assert furthest_s(turn_rows(found), TALK) < 0.12  # a frame of SAD and the padding
    assert turn_rows(found) == turn_rows(found_in(audio, Options(), mode))


def test_the_items_come_in_order():
    assert list(one_ahead(range(5))) == [0, 1, 2, 3, 4]
    assert list(one_ahead([])) == []
    assert list(one_ahead([None, None])) == [None, None]


def test_the_next_item_is_made_while_one_is_in_use_and_not_the_one_after():
    made = [threading.Event() for _ in range(4)]

    def items():
        for number, event in enumerate(made):
            event.set()
            yield number

    for number in one_ahead(items()):
        if number < 3:
            assert made[number + 1].wait(10)
        assert not any(event.is_set() for event in made[number + 2 :])


def test_items_are_made_in_another_thread():
    def threads():
        yield threading.get_ident()
        yield threading.get_ident()

    (maker,) = set(one_ahead(threads()))
    assert maker != threading.get_ident()


def test_an_error_is_raised_in_place_of_its_item():
    def failing():
        yield 1
        raise ValueError("no more")

    items = one_ahead(failing())
    assert next(items) == 1
    with pytest.raises(ValueError, match="no more"):
        next(items)


def test_an_error_keeps_no_objects_alive():
    class Upload:
        pass

    def failing(upload):
        yield 1
        raise ValueError(repr(upload)[:1])

    def failed():
        upload = Upload()
        with contextlib.suppress(ValueError):
            list(one_ahead(failing(upload)))
        return weakref.ref(upload)

    gc.disable()
    try:
        assert failed()() is None
    finally:
        gc.enable()


def test_stopping_early_leaves_no_thread_behind():
    before = threading.active_count()
    items = one_ahead(range(100))
    assert next(items) == 0
    items.close()
    assert threading.active_count() == before

"""The whole pipeline over fake networks that hear the answer in the samples.

A recording is 0 where nobody speaks, and 0.3 or 0.6 where one or the other speaker does.
"""

from contextlib import contextmanager

import numpy as np
import pytest

from diarization.config import (
    CallOptions,
    ClusterOptions,
    Options,
    SadOptions,
    SpeakerBounds,
    WindowOptions,
)
from diarization.fbank import analysis_window, fbank, mel_filters, window_features
from diarization.pipeline import diarize, warm_up, window_batches
from diarization.sad import FRAME_SAMPLES, SpeechBlock
from diarization.windows import subsegment

SECOND = 16_000
VOICES = (0.3, 0.6)
ANY = SpeakerBounds()
TALK = [(0, 1.0, 3.8), (1, 4.9, 7.2), (0, 8.3, 12.0), (1, 13.1, 13.9), (1, 15.0, 19.5)]
SMALL_BLOCKS = Options(sad=SadOptions(block_s=10.24, cut_search_s=5.0))


class FakeModels:
    """Networks that know the voices by their level; what they were asked is kept."""

    def __init__(self, dim=192):
        self.directions = np.random.default_rng(7).standard_normal((len(VOICES), dim))
        self.heard = np.empty(0, np.float32)
        self.n_sad_calls = 0
        self.batches = []

    def speech_probs(self, samples, state):
        assert (state is None) == (self.n_sad_calls == 0)
        self.heard = np.append(self.heard, samples)
        self.n_sad_calls += 1
        return (samples[::FRAME_SAMPLES] > 0.1).astype(np.float32), np.zeros(1, np.float32)

    def embed(self, batches):
        for batch in batches:
            self.batches.append(batch)
            yield batch, np.array([self.voice(*window) for window in batch.windows], np.float32)

    def voice(self, begin, end):
        """Mixture of the speakers in a window, and noise that depends on where it lies."""
        levels = self.heard[begin:end]
        shares = [np.isclose(levels, level).mean() for level in VOICES]
        noise = np.random.default_rng(begin).standard_normal(self.directions.shape[1])
        return shares @ self.directions + 0.3 * noise


def recording(talk, length_s):
    audio = np.zeros(round(length_s * SECOND), np.float32)
    for speaker, start_s, end_s in talk:
        audio[round(start_s * SECOND) : round(end_s * SECOND)] = VOICES[speaker]
    return audio


def long_talk(n_turns):
    """Speakers in turn, 3.2 s each and 1 s of silence after each."""
    return [(i % 2, 4.2 * i + 0.5, 4.2 * i + 3.7) for i in range(n_turns)]


def stretches(audio, length=SECOND):
    return np.split(audio, range(length, len(audio), length))


def found_in(audio, options=SMALL_BLOCKS, speakers=ANY, models=None):
    return diarize(iter([audio]), models or FakeModels(), options, speakers)


def rows(found):
    return [(turn.label, turn.start_s, turn.end_s) for turn in found.turns]


def assert_near(found, talk, within_s):
    assert [label for label, *_ in rows(found)] == [speaker for speaker, *_ in talk]
    for (_, *times), (_, *wanted) in zip(rows(found), talk, strict=True):
        assert times == pytest.approx(wanted, abs=within_s)


@pytest.mark.parametrize("options", [Options(), SMALL_BLOCKS])
def test_two_speakers_with_pauses_are_told_apart(options):
    found = found_in(recording(TALK, 21), options)

    assert_near(found, TALK, 0.12)  # a frame of SAD and the padding
    assert found.n_speakers == 2


def test_a_change_of_speaker_without_a_pause_is_found_within_half_a_window():
    talk = [(0, 0.5, 6.0), (1, 6.0, 11.5)]

    assert_near(found_in(recording(talk, 12), Options()), talk, 0.75)


def test_no_speech_gives_no_turns():
    models = FakeModels()
    found = found_in(np.zeros(30 * SECOND, np.float32), models=models)

    assert (found.turns, found.n_speakers, found.n_windows) == ([], 0, 0)
    assert models.batches == [], "the speaker model is not called"


@pytest.mark.parametrize("n_samples", [0, 1, 399, 511, 512, 513])
@pytest.mark.parametrize("level", [0.0, 0.6])
@pytest.mark.parametrize("speakers", [ANY, SpeakerBounds(2, 2)])
def test_very_short_audio_gives_no_turns(n_samples, level, speakers):
    found = found_in(np.full(n_samples, level, np.float32), speakers=speakers)

    assert (found.turns, found.n_speakers, found.n_windows) == ([], 0, 0)


def test_no_audio_gives_no_turns():
    assert diarize(iter([]), FakeModels(), Options(), ANY).turns == []


@pytest.mark.parametrize("speakers", [ANY, SpeakerBounds(3, 3)])
def test_one_window_is_one_speaker(speakers):
    models = FakeModels()
    found = found_in(recording([(0, 1.0, 1.5)], 3), speakers=speakers, models=models)

    assert_near(found, [(0, 1.0, 1.5)], 0.12)
    assert (found.n_speakers, found.n_windows) == (1, 1)
    assert models.batches[0].features.shape == (1, 148, 80), "a window of full length"


@pytest.mark.parametrize("num_speakers", [1, 2, 3, 50])
def test_num_speakers_is_met_exactly_or_every_window_is_one(num_speakers):
    found = found_in(recording(TALK, 21), speakers=SpeakerBounds(num_speakers, num_speakers))

    assert found.n_speakers == min(num_speakers, found.n_windows)
    assert {label for label, *_ in rows(found)} == set(range(found.n_speakers))


def test_short_blocks_give_the_turns_of_one_block():
    talk = long_talk(20)
    audio = recording(talk, 85)

    in_blocks, in_one = found_in(audio, SMALL_BLOCKS), found_in(audio, Options())
    assert rows(in_blocks) == rows(in_one)
    assert_near(in_one, talk, 0.12)


@pytest.mark.parametrize("length", [777, SECOND, 40 * SECOND])
def test_turns_do_not_depend_on_how_the_audio_arrives(length):
    audio = recording(TALK, 21)
    found = diarize(iter(stretches(audio, length)), FakeModels(), SMALL_BLOCKS, ANY)

    assert rows(found) == rows(found_in(audio))


def test_same_audio_same_turns():
    audio = recording(long_talk(15), 65)

    assert found_in(audio) == found_in(audio.copy())


@pytest.mark.parametrize("dim", [2, 192, 256, 512])
def test_embeddings_may_have_any_size(dim):
    models = FakeModels(dim)
    models.directions = np.eye(2, dim) * 20

    assert_near(found_in(recording(TALK, 21), models=models), TALK, 0.12)


@pytest.mark.parametrize("n_per_call", [1, 3, 64])
def test_windows_are_embedded_in_batches_not_one_by_one(n_per_call):
    models = FakeModels()
    options = Options(sad=SMALL_BLOCKS.sad, calls=CallOptions(windows=n_per_call))
    found = found_in(recording(long_talk(10), 42), options, models=models)

    sizes = [len(batch.windows) for batch in models.batches]
    windows = np.concatenate([batch.windows for batch in models.batches])
    assert max(sizes) <= n_per_call
    assert len(windows) == sum(sizes) == found.n_windows
    assert (np.diff(windows, axis=0) > 0).all(), "each once, in order"
    assert len(sizes) <= found.n_windows / n_per_call + models.n_sad_calls


def test_sad_is_asked_for_whole_blocks_not_for_frames():
    models = FakeModels()
    audio = recording(long_talk(10), 42)
    found_in(audio, models=models)

    assert models.n_sad_calls == 5  # 42 s in stretches of 10.24 s
    assert models.heard.tobytes() == audio.tobytes()


def test_audio_is_read_only_as_far_as_the_next_batch_needs():
    audio = recording(long_talk(15), 65)
    n_read = 0

    def read():
        nonlocal n_read
        for stretch in stretches(audio):
            n_read += len(stretch)
            yield stretch

    class SlowModels(FakeModels):
        def embed(self, batches):
            for batch, vectors in super().embed(batches):
                ahead = n_read - batch.windows[0, 0]
                # the block itself, what was left after its cut, and the stretch it came with
                assert ahead <= (10.24 + 5 + 1) * SECOND
                yield batch, vectors

    models = SlowModels()
    diarize(read(), models, SMALL_BLOCKS, ANY)
    assert n_read == len(audio)
    assert len(models.batches) >= 5


def test_features_of_a_batch_are_those_of_its_windows():
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 6 * SECOND).astype(np.float32)
    segments = np.array([[0, 3 * SECOND], [4 * SECOND, 4 * SECOND + 5000]])
    options = Options(
        window=WindowOptions(length_s=1.0, hop_s=0.5, analysis="povey"),
        calls=CallOptions(windows=4),
    )
    block = SpeechBlock(1_000_000, samples, segments)
    batches = list(window_batches(block, options, stopwatch=lambda _: no_stage()))

    windows = subsegment(segments, options.window)
    wanted = window_features(fbank(samples, "povey"), windows, 98)
    assert [len(batch.windows) for batch in batches] == [4, 2]
    assert np.concatenate([b.windows for b in batches]).tolist() == (windows + 1_000_000).tolist()
    assert np.array_equal(np.concatenate([batch.features for batch in batches]), wanted)
    assert wanted.dtype == np.float32


@contextmanager
def no_stage():
    yield


def test_stages_are_timed_and_never_inside_one_another():
    entered, inside = [], []

    @contextmanager
    def stopwatch(stage):
        assert inside == []
        inside.append(stage)
        yield
        entered.append(inside.pop())

    diarize(iter([recording(TALK, 21)]), FakeModels(), Options(), ANY, stopwatch)
    assert set(entered) == {"fbank", "cluster"}
    assert entered[-1] == "cluster"


def test_an_error_of_a_network_ends_the_work():
    class Broken(FakeModels):
        def embed(self, batches):
            next(iter(batches))
            raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        found_in(recording(TALK, 21), models=Broken())


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(cluster=ClusterOptions(few_windows=2), window=WindowOptions(analysis="povey")),
        Options(speakers=SpeakerBounds(1, 1)),
        Options(speakers=SpeakerBounds(40, 40)),
    ],
)
def test_warming_up_makes_the_tables_of_the_first_request(options):
    for table in (mel_filters, analysis_window):
        table.cache_clear()
    warm_up(options)

    fbank(np.zeros(400, np.float32), options.window.analysis)
    assert (mel_filters.cache_info().misses, analysis_window.cache_info().misses) == (1, 1)
    assert (mel_filters.cache_info().hits, analysis_window.cache_info().hits) == (1, 1)

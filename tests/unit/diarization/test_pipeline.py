"""What holds in either mode, with fake networks that read the answer from the samples."""

import threading
from contextlib import contextmanager

import numpy as np
import pytest

from diarization.fbank import analysis_window, fbank, mel_filters
from diarization.options import (
    CallOptions,
    ClusterOptions,
    Options,
    SpeakerBounds,
    WindowOptions,
)
from diarization.pipeline import diarize, warm_up
from diarization.request import RequestOptions
from diarization.sad import leveled_stretches
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

TALK = [(0, 1.0, 3.8), (1, 4.9, 7.2), (0, 8.3, 12.0), (1, 13.1, 13.9), (1, 15.0, 19.5)]


@pytest.fixture(params=["classic", "full"])
def mode(request):
    return request.param


def asked(mode, speakers=ANY):
    return RequestOptions("recording", speakers, mode)


@pytest.mark.parametrize("options", [Options(), SMALL_BLOCKS])
def test_two_speakers_with_pauses_are_separated(mode, options):
    found = found_in(recording(TALK, 21), options, mode)

    assert furthest_s(turn_rows(found), TALK) < 0.12  # a frame of SAD and the padding
    assert found.n_speakers == 2


def test_no_speech_gives_no_turns_and_no_call_to_the_speaker_model(mode):
    models = FakeNetworks()
    found = found_in(recording([], 30), SMALL_BLOCKS, mode, models=models)

    assert (found.turns, found.n_speakers, found.n_windows) == ([], 0, 0)
    assert models.window_batches == []


@pytest.mark.parametrize("n_samples", [0, 1, 300, 399, 495])
@pytest.mark.parametrize("talk", [[], [(1, 0, 1)]])
@pytest.mark.parametrize("speakers", [ANY, SpeakerBounds(2, 2)])
def test_very_short_audio_gives_no_turns(mode, n_samples, talk, speakers):
    found = found_in(recording(talk, 1)[:n_samples], Options(), mode, speakers)

    assert (found.turns, found.n_speakers, found.n_windows) == ([], 0, 0)


@pytest.mark.parametrize("n_samples", [5_000, 12_345])
@pytest.mark.parametrize("speakers", [ANY, SpeakerBounds(3, 3)])
def test_a_short_recording_full_of_speech_is_one_turn(mode, n_samples, speakers):
    found = found_in(recording([(1, 0, 1)], 1)[:n_samples], Options(), mode, speakers)

    assert turn_rows(found) == [(0, 0.0, n_samples / SECOND)]
    assert (found.n_speakers, found.n_windows) == (1, 1)


def test_no_audio_gives_no_turns(mode):
    assert diarize([], FakeNetworks(), Options(), asked(mode)).turns == []


@pytest.mark.parametrize("num_speakers", [1, 2, 3])
def test_num_speakers_is_met_exactly(mode, num_speakers):
    speakers = SpeakerBounds(num_speakers, num_speakers)
    found = found_in(recording(TALK, 21), SMALL_BLOCKS, mode, speakers)

    assert found.n_speakers == num_speakers
    assert {label for label, *_ in turn_rows(found)} == set(range(num_speakers))


@pytest.mark.parametrize("num_speakers", [1, 2, 3, 12])
def test_num_speakers_is_met_exactly_in_a_monologue(mode, num_speakers):
    speakers = SpeakerBounds(num_speakers, num_speakers)
    found = found_in(recording([(0, 1, 19)], 20), SMALL_BLOCKS, mode, speakers)

    assert found.n_speakers == num_speakers


@pytest.mark.parametrize("length", [777, SECOND, 40 * SECOND])
def test_turns_do_not_depend_on_how_the_audio_arrives(mode, length):
    audio = recording(TALK, 21)
    models = FakeNetworks()
    found = diarize(in_stretches(audio, length), models, SMALL_BLOCKS, asked(mode))

    assert turn_rows(found) == turn_rows(found_in(audio, SMALL_BLOCKS, mode))


def test_same_audio_same_turns(mode):
    audio = recording(long_talk(15), 65)

    first, again = (found_in(each, SMALL_BLOCKS, mode) for each in (audio, audio.copy()))
    assert first == again
    assert first.embeddings.tobytes() == again.embeddings.tobytes()
    assert first.n_speakers == 2


@pytest.mark.parametrize("dim", [3, 192, 256, 512])
def test_embeddings_may_have_any_size(mode, dim):
    models = FakeNetworks(dim)
    models.directions = np.eye(3, dim) * 20

    found = found_in(recording(TALK, 21), SMALL_BLOCKS, mode, models=models)
    assert furthest_s(turn_rows(found), TALK) < 0.12


@pytest.mark.parametrize("n_per_call", [1, 3, 64])
def test_windows_are_embedded_in_batches_not_one_by_one(mode, n_per_call):
    models = FakeNetworks()
    options = Options(sad=SMALL_BLOCKS.sad, calls=CallOptions(windows=n_per_call))
    found = found_in(recording(long_talk(10), 42), options, mode, models=models)

    sizes = [len(batch) for batch in models.window_batches]
    assert max(sizes) <= n_per_call
    assert sum(sizes) == found.n_windows > 0
    assert len(sizes) <= found.n_windows / n_per_call + models.n_sad_calls


def test_sad_is_called_with_whole_blocks_not_frames(mode):
    models = FakeNetworks()
    audio = recording(long_talk(10), 42)
    found_in(audio, SMALL_BLOCKS, mode, models=models)

    assert models.n_sad_calls == 5  # 42 s in stretches of 10.24 s
    scaled = [each.scaled for each in leveled_stretches([audio], SMALL_BLOCKS.sad.level_s)]
    assert models.heard.tobytes() == np.concatenate(scaled).tobytes()


def test_stages_are_timed_and_never_nested(mode):
    entered, inside = [], []

    @contextmanager
    def stopwatch(stage):
        assert inside == []
        inside.append(stage)
        yield
        entered.append(inside.pop())

    class Watched(FakeNetworks):
        """Calls of networks are not part of a stage: the implementation of `Models` times them."""

        def segment(self, batches):
            for answer in super().segment(batches):
                assert inside == []
                yield answer

        def embed(self, batches):
            for answer in super().embed(batches):
                assert inside == []
                yield answer

    audio = recording(TALK, 21)
    diarize([audio], Watched(), Options(), asked(mode), stopwatch)
    last = {"classic": ["cluster"], "full": ["cluster", "assign"]}[mode]
    first = {"classic": {"fbank"}, "full": {"segment", "fbank"}}[mode]
    assert set(entered) == {*first, *last}
    assert entered[-len(last) :] == last


def test_speech_is_detected_one_block_ahead_of_the_other_nets(mode):
    n_calls = {"classic": 2, "full": 3}[mode]  # the full mode keeps a block back
    ahead = threading.Event()

    class Watched(FakeNetworks):
        def speech_probs(self, samples, state):
            answer = super().speech_probs(samples, state)
            if self.n_sad_calls == n_calls:
                ahead.set()
            return answer

        def embed(self, batches):
            for answer in super().embed(batches):
                assert ahead.wait(10)
                yield answer

    audio = recording([(0, 0, 60)], 60)
    diarize(in_stretches(audio), Watched(), SMALL_BLOCKS, asked(mode))
    assert ahead.is_set()


@pytest.mark.parametrize("network", ["speech_probs", "embed"])
def test_an_error_of_a_network_is_raised(mode, network):
    class Broken(FakeNetworks):
        pass

    def broken(_models, batches, *_state):
        next(iter(batches))
        raise ConnectionError("gone")

    setattr(Broken, network, broken)
    with pytest.raises(ConnectionError, match="gone"):
        found_in(recording(TALK, 21), SMALL_BLOCKS, mode, models=Broken())


def test_the_mode_chooses_the_pipeline(mode):
    models = FakeNetworks()
    found_in(recording(TALK, 21), Options(), mode, models=models)

    assert bool(models.chunk_batches) == (mode == "full")


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(cluster=ClusterOptions(few_windows=2), window=WindowOptions(analysis="povey")),
        Options(speakers=SpeakerBounds(1, 1)),
        Options(speakers=SpeakerBounds(40, 40)),
    ],
)
def test_warm_up_fills_the_caches_for_the_first_request(options):
    for table in (mel_filters, analysis_window):
        table.cache_clear()
    warm_up(options)

    fbank(np.zeros(400, np.float32), options.window.analysis)
    assert (mel_filters.cache_info().misses, analysis_window.cache_info().misses) == (1, 1)
    assert (mel_filters.cache_info().hits, analysis_window.cache_info().hits) == (1, 1)

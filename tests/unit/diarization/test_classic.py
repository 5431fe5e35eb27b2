"""The classic pipeline with fake networks that read the answer from the samples."""

from contextlib import nullcontext
from itertools import pairwise

import numpy as np
import pytest

from diarization.clustering import cluster
from diarization.fbank import fbank, window_features
from diarization.options import CallOptions, Options, SpeakerBounds
from diarization.pipeline import diarize, diarize_classic, speech_ahead
from diarization.request import RequestOptions
from diarization.windows import subsegment
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


def classic(audio, options=SMALL_BLOCKS, speakers=ANY, models=None):
    return found_in(audio, options, "classic", speakers, models)


def windows_by_block(audio, options):
    """Blocks with their windows, in samples from the start of each block."""
    blocks = speech_ahead([audio], FakeNetworks(), options)
    return [(block, subsegment(block.segments, options.window)) for block in blocks]


def test_a_change_of_speaker_without_a_pause_is_found_within_half_a_window():
    talk = [(0, 0.5, 6.0), (1, 6.0, 11.5)]

    assert furthest_s(turn_rows(classic(recording(talk, 12), Options())), talk) < 0.75


@pytest.mark.parametrize("n_samples", [0, 1, 399, 511, 512, 513])
@pytest.mark.parametrize("talk", [[], [(1, 0, 1)]])
@pytest.mark.parametrize("speakers", [ANY, SpeakerBounds(2, 2)])
def test_very_short_audio_gives_no_turns(n_samples, talk, speakers):
    found = classic(recording(talk, 1)[:n_samples], speakers=speakers)

    assert (found.turns, found.n_speakers, found.n_windows) == ([], 0, 0)


@pytest.mark.parametrize("speakers", [ANY, SpeakerBounds(3, 3)])
def test_one_window_is_one_speaker(speakers):
    models = FakeNetworks()
    found = classic(recording([(0, 1.0, 1.5)], 3), speakers=speakers, models=models)

    assert furthest_s(turn_rows(found), [(0, 1.0, 1.5)]) < 0.12
    assert (found.n_speakers, found.n_windows) == (1, 1)
    assert models.window_batches[0].shape == (1, 148, 80), "a window of full length"


@pytest.mark.parametrize("num_speakers", [1, 2, 3, 50])
def test_num_speakers_is_met_exactly_up_to_one_per_window(num_speakers):
    speakers = SpeakerBounds(num_speakers, num_speakers)
    found = classic(recording(TALK, 21), speakers=speakers)

    assert found.n_speakers == min(num_speakers, found.n_windows)
    assert {label for label, *_ in turn_rows(found)} == set(range(found.n_speakers))


def test_short_blocks_give_the_turns_of_one_block():
    talk = long_talk(20)
    audio = recording(talk, 85)

    in_blocks, in_one = classic(audio, SMALL_BLOCKS), classic(audio, Options())
    assert turn_rows(in_blocks) == turn_rows(in_one)
    assert furthest_s(turn_rows(in_one), talk) < 0.12


@pytest.mark.parametrize("n_per_call", [1, 3, 64])
def test_every_window_is_embedded_once_and_in_order(n_per_call):
    models = FakeNetworks()
    options = Options(sad=SMALL_BLOCKS.sad, calls=CallOptions(windows=n_per_call))
    audio = recording(long_talk(10), 42)
    found = classic(audio, options, models=models)

    by_block = windows_by_block(audio, options)
    wanted = [
        window_features(fbank(block.samples, "hamming"), windows, 148)
        for block, windows in by_block
        if len(windows)
    ]
    assert found.n_windows == sum(len(windows) for _, windows in by_block)
    assert np.array_equal(np.concatenate(models.window_batches), np.concatenate(wanted))
    assert len(by_block) >= 4


def test_audio_is_read_only_as_far_as_the_next_batch_needs():
    audio = recording(long_talk(15), 65)
    begins = [
        begin + block.offset
        for block, windows in windows_by_block(audio, SMALL_BLOCKS)
        for begin in windows[:, 0].tolist()
    ]
    n_read = 0

    def read():
        nonlocal n_read
        for stretch in in_stretches(audio):
            n_read += len(stretch)
            yield stretch

    class SlowModels(FakeNetworks):
        def embed(self, batches):
            n_embedded = 0
            for vectors in super().embed(batches):
                # two blocks, the stretch in which the second one ends, and what arrived with it
                assert n_read - begins[n_embedded] <= (3 * 10.24 + 1) * SECOND
                n_embedded += len(vectors)
                yield vectors

    models = SlowModels()
    found = diarize(read(), models, SMALL_BLOCKS, RequestOptions("recording", ANY, "classic"))
    assert n_read == len(audio)
    assert len(models.window_batches) >= 5
    assert found.n_windows == len(begins)


def test_diarize_classic_alone_gives_the_same():
    audio = recording(TALK, 21)
    models = FakeNetworks()
    asked = RequestOptions("recording", ANY, "classic")
    alone = diarize_classic([audio], models, SMALL_BLOCKS, asked, lambda _: nullcontext())

    found = classic(audio)
    assert alone == found
    assert np.array_equal(alone.embeddings, found.embeddings)


def test_turns_never_overlap():
    talk = [(0, 1.0, 6.0), (1, 5.0, 9.0), (0, 10.0, 14.0), (1, 13.0, 18.0)]
    turns = classic(recording(talk, 19)).turns

    assert len({turn.label for turn in turns}) == 2
    assert all(a.end_s <= b.start_s for a, b in pairwise(turns))


def test_a_window_goes_to_the_most_similar_speaker_whatever_its_cluster(monkeypatch):
    audio = recording(TALK, 21)
    rows = turn_rows(classic(audio))

    def mistaken(*asked):
        labels = cluster(*asked)
        labels[1] = 1 - labels[1]
        return labels

    monkeypatch.setattr("diarization.pipeline.cluster", mistaken)
    assert turn_rows(classic(audio)) == rows


@pytest.mark.parametrize("mode", ["full", "classic"])
def test_the_share_of_unlike_windows_is_returned(monkeypatch, mode):
    monkeypatch.setattr("diarization.pipeline.unlike_share", lambda *_: 0.25)
    found = found_in(recording(TALK, 21), SMALL_BLOCKS, mode, ANY, None)

    assert (found.unlike_share, found.more_speakers_likely) == (0.25, True)

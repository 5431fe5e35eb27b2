"""A live session from its first piece of audio to its result, with fake networks."""

import pickle
from contextlib import nullcontext

import numpy as np
import pytest
import soxr

from diarization.errors import ModelCallError
from diarization.live.calls import run_together
from diarization.live.result import result_of
from diarization.pipeline import diarize
from diarization.turns import NO_SPEECH, format_rttm
from unit.live_sessions import ASKED, LiveNetworks, advance, new_session, play, turns_in
from unit.planted_recordings import SMALL_BLOCKS, in_stretches, long_talk, recording

TALK = [(0, 1.0, 5.8), (1, 7.0, 11.5), (0, 12.8, 18.0), (1, 19.1, 24.0), (0, 25.0, 29.5)]
SHORT = recording(TALK, 31)
LONG = recording(long_talk(12), 52)  # five blocks, and five levels


WRONG_SHARE = {0.5: 0.05, 1.0: 0.02, 2.0: 0.01, 5.0: 0.01}  # of the time, by latency


def active(turns, times_s):
    """Whether one of the turns is under way at each time."""
    return np.any([(times_s >= begin) & (times_s < end) for begin, end in turns], axis=0)


def finished(audio):
    """RTTM of the finished recording."""
    return format_rttm(diarize([audio], LiveNetworks(), SMALL_BLOCKS, ASKED).turns, "recording")


def result(session, models):
    found = result_of(session, models, SMALL_BLOCKS, lambda _stage: nullcontext())
    return format_rttm(found.turns, "recording")


@pytest.mark.parametrize(
    ("audio", "length"),
    [(SHORT[:80_000], 320), (SHORT, 160_000), (LONG, 8_000), (LONG, 123_456)],
    ids=["short, 20 ms", "short, 10 s", "long, 0.5 s", "long, 7.7 s"],
)
def test_the_result_is_that_of_the_finished_recording(audio, length):
    models, session = LiveNetworks(), new_session()
    play(session, audio, models, length)

    assert result(session, models) == finished(audio) != ""


def test_the_result_needs_few_answers_that_were_not_given_live():
    models, session = LiveNetworks(), new_session()
    play(session, LONG, models)
    before = [sum(map(len, each)) for each in (models.chunk_batches, models.window_batches)]
    models.sad_batches.clear()
    result(session, models)

    after = [sum(map(len, each)) for each in (models.chunk_batches, models.window_batches)]
    assert models.sad_batches == []
    assert after[0] - before[0] <= 2  # the chunk that ends with the recording
    assert after[1] - before[1] <= 2 * 6  # windows at the borders of the blocks


@pytest.mark.parametrize("n_samples", [0, 1, 399, 8_001, 100_000])
def test_a_recording_of_any_length_has_a_result(n_samples):
    models, session = LiveNetworks(), new_session()
    play(session, LONG[:n_samples], models)

    assert result(session, models) == finished(LONG[:n_samples])


@pytest.mark.parametrize("latency_s", [0.5, 1.0, 2.0, 5.0])
def test_the_events_say_who_spoke_when(latency_s):
    events = play(new_session(latency_s), SHORT, LiveNetworks())

    found, times_s = turns_in(events), np.arange(0, 31, 0.01)
    assert {name for name, *_ in found} == {"SPEAKER_00", "SPEAKER_01"}
    for speaker in (0, 1):
        planted = active([turn[1:] for turn in TALK if turn[0] == speaker], times_s)
        reported = active([turn[1:] for turn in found if turn[0][-1] == str(speaker)], times_s)
        assert (planted != reported).mean() < WRONG_SHARE[latency_s]


@pytest.mark.parametrize("latency_s", [0.5, 5.0])
def test_turns_are_reported_once_the_latency_has_passed_and_final_after_five_seconds(latency_s):
    session, models = new_session(latency_s), LiveNetworks()
    for piece in in_stretches(SHORT, 4_000):
        for event in advance(session, session.hear(piece), models):
            if event["type"] == "progress":
                heard_s = len(session.journal.audio) / 16_000
                assert event["heard_s"] == pytest.approx(heard_s, abs=0.001)
                reported_s, final_s = (max(0, heard_s - late_s) for late_s in (latency_s, 5))
                assert event["reported_s"] == pytest.approx(reported_s, abs=0.001)
                assert event["final_s"] == pytest.approx(final_s, abs=0.001)


def test_voices_are_reported_before_the_second_turns_of_their_speakers():
    events = play(new_session(voices=True), SHORT, LiveNetworks())

    voices = {event["speaker"]: event for event in events if event["type"] == "voice"}
    talk = [event for event in events if event["type"] == "turn" and event["end_s"] > 12.8]
    assert list(voices) == ["SPEAKER_00", "SPEAKER_01"]
    assert all(event["seq"] < talk[0]["seq"] for event in voices.values())
    embeddings = np.array([event["embedding"] for event in voices.values()])
    assert np.allclose(embeddings @ embeddings.T, np.eye(2), atol=0.3)


def test_events_are_numbered_without_gaps():
    events = play(new_session(), SHORT, LiveNetworks())

    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


def test_turns_that_are_final_stay_as_they_are():
    final = {}
    for event in play(new_session(), LONG, LiveNetworks()):
        if event["type"] == "turn":
            assert event["id"] not in final
            if event["state"] == "final":
                final[event["id"]] = event


def test_16_bit_samples_give_the_result_of_their_floats():
    models, session = LiveNetworks(), new_session(sample_type=np.int16)
    pcm = np.round(SHORT * 32768).astype(np.int16)
    play(session, pcm, models)

    assert result(session, models) == finished(pcm / np.float32(32768))


@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_other_rates_give_the_result_of_the_resampled_recording(rate_hz):
    audio = soxr.resample(LONG, 16_000, rate_hz)
    models, session = LiveNetworks(), new_session(rate_hz=rate_hz)
    play(session, audio, models, rate_hz // 2)

    resampler = soxr.ResampleStream(rate_hz, 16_000, num_channels=1, dtype="float32")
    assert result(session, models) == finished(resampler.resample_chunk(audio, last=True))


@pytest.mark.parametrize("network", ["speech_probs_of", "segment", "embed"])
@pytest.mark.parametrize("n_good", [0, 3, 30])
def test_a_network_that_fails_once_changes_nothing_in_the_end(network, n_good):
    class FailingOnce(LiveNetworks):
        n_calls = 0

    def failing(models, *arguments):
        models.n_calls += 1
        if models.n_calls == n_good + 1:
            raise ModelCallError("failed")
        return getattr(LiveNetworks, network)(models, *arguments)

    setattr(FailingOnce, network, failing)
    models, session, errors = FailingOnce(), new_session(), []
    for piece in in_stretches(LONG, 8_000):
        errors += [each for each in run_together([session.hear(piece)], models, 8, 64) if each]
    advance(session, session.end(), models)

    assert [str(error) for error in errors] == ["failed"]
    assert result(session, models) == finished(LONG)


@pytest.mark.parametrize("rate_hz", [16_000, 8_000])
def test_a_session_goes_on_from_its_saved_state(rate_hz):
    audio = soxr.resample(LONG, 16_000, rate_hz) if rate_hz != 16_000 else LONG
    models = LiveNetworks()
    expected = play(new_session(rate_hz=rate_hz), audio, LiveNetworks(), rate_hz // 2)
    session, events = new_session(rate_hz=rate_hz), []
    for number, piece in enumerate(in_stretches(audio, rate_hz // 2)):
        if number % 20 == 10:
            journal = session.journal
            session = pickle.loads(pickle.dumps(session))
            session.resume(journal)
        events += advance(session, session.hear(piece), models)
    events += advance(session, session.end(), models)

    assert events == expected


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_a_copy_of_an_ended_session_knows_its_length(rate_hz):
    session = new_session(rate_hz=rate_hz)
    play(session, SHORT[:24_500][:: 16_000 // rate_hz], LiveNetworks())
    copied = pickle.loads(pickle.dumps(session))
    copied.resume(session.journal)
    copied.add_result(NO_SPEECH)

    assert copied.events[-1]["info"]["audio_s"] == 1.531


def test_the_memory_of_a_session_does_not_grow_with_its_audio():
    session, models, sizes = new_session(), LiveNetworks(), []
    for number, piece in enumerate(in_stretches(recording(long_talk(40), 160), 16_000)):
        advance(session, session.hear(piece), models)
        if number in (40, 140):
            sizes.append(len(pickle.dumps(session)))

    assert sizes[1] < 300_000  # written with every request
    assert sizes[1] < sizes[0] + 20_000  # 100 s more of turns and windows, without embeddings

"""Answers of `stream` with fake networks: sessions, events, and requests that are refused."""

import json
import re
from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from e2e.counters import wait_until
from integration.fake_pb_utils import ModelFailureError, TritonError
from integration.model_contract import REPOSITORY
from integration.model_loading import initialize_args
from integration.planted_models import (
    SAMPLE_RATE_HZ,
    conversation,
    encoded,
    running,
    server_of_planted_models,
)

A, B, C = (letter * 16 for letter in "abc")
WITHIN_S = 20
LONG_S = 72  # more than the stretch of a minute that has one level
INVALID, UNKNOWN = TritonError.INVALID_ARG, TritonError.NOT_FOUND


def pcm_of(samples):
    """Samples as libsndfile writes them."""
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


TALK = pcm_of(conversation())


def rttm_of_run(audio, **parameters):
    """What `run` answers for the finished recording."""
    with running(server_of_planted_models()) as run:
        return run.outputs(run.request(audio, parameters))["RTTM"].item().decode()


def of_type(events, kind):
    return [event for event in events if event["type"] == kind]


def numbers(events):
    return [event["seq"] for event in events]


@pytest.mark.parametrize("kind", ["pcm", "samples"])
@pytest.mark.parametrize("piece_s", [0.1, 0.5, 7.3])
def test_a_session_ends_with_the_result_of_run(stream, kind, piece_s):
    audio = TALK if kind == "pcm" else conversation()
    asked = {"recording_id": "talk", "exclusive": True}
    expected = rttm_of_run(encoded(conversation()) if kind == "pcm" else audio, **asked)
    events = stream.events(A, audio, piece_s, **asked)
    assert numbers(events) == list(range(1, len(events) + 1))
    assert events[-1]["rttm"] == expected
    assert expected.count("SPEAKER talk ") == 2


def test_the_planted_turns_are_reported_while_the_audio_arrives(stream):
    events = stream.events(A, TALK)
    final = [event for event in of_type(events, "turn") if event["state"] == "final"]
    spans = [[turn["start_s"], turn["end_s"]] for turn in final]
    assert np.allclose(spans, [[0, 4], [5, 9]], atol=0.2)
    assert len({turn["speaker"] for turn in final}) == 2
    first = events.index(of_type(events, "turn")[0])
    assert of_type(events[:first], "progress")[-1]["heard_s"] < 4
    last = of_type(events, "progress")[-1]
    assert (last["heard_s"], last["final_s"]) == (9.0, 9.0)


def test_a_session_longer_than_the_stretch_of_one_level_ends_with_the_result_of_run(stream):
    samples = np.tile(conversation(), LONG_S // 9) * np.linspace(1, 0.3, LONG_S * SAMPLE_RATE_HZ)
    events = stream.events(A, pcm_of(samples), 1.7)
    assert events[-1]["rttm"] == rttm_of_run(encoded(samples))


def test_voices_are_reported_while_the_audio_arrives_and_in_the_result(stream):
    events = stream.events(A, TALK, voices=True)
    with running(server_of_planted_models()) as run:
        expected = run.outputs(run.request(encoded(conversation())))
    network = json.loads(expected["INFO"].item())["speaker_network"]
    voices = of_type(events, "voice")
    assert [(each["speaker"], each["network"]) for each in voices] == [
        ("SPEAKER_00", network),
        ("SPEAKER_01", network),
    ]
    assert np.allclose([each["embedding"] for each in voices], np.eye(2), atol=0.2)
    second = next(each for each in of_type(events, "turn") if each["speaker"] == "SPEAKER_01")
    assert voices[0]["seq"] < second["seq"]
    result = events[-1]
    assert result["info"]["speaker_network"] == network
    assert result["labels"] == expected["LABELS"][0, :, 2].tolist()
    assert np.allclose(result["embeddings"], expected["EMBEDDINGS"], atol=1e-6)


def test_without_being_asked_for_voices_stay_in_the_server(stream):
    events = stream.events(A, TALK)
    assert of_type(events, "voice") == []
    assert not {"labels", "embeddings"} & events[-1].keys()


def test_requests_of_several_sessions_are_answered_in_their_order(stream):
    sizes = {A: 100, B: 8000, C: 1}
    answers = stream.execute(
        *(stream.request(name, TALK[:size], start=True) for name, size in sizes.items())
    )
    assert [answer["received"] for answer in answers] == [*sizes.values()]


def test_two_requests_of_one_session_in_one_call_are_answered_in_turn(stream):
    first, second, other, third = stream.execute(
        stream.request(A, TALK[:8000], start=True),
        stream.request(A, TALK[8000:9000], position=8000),
        stream.request(B, TALK[:50], start=True),
        stream.request(A, TALK[9000:], position=9000, end=True),
    )
    received = [each["received"] for each in (first, second, other, third)]
    assert received == [8000, 9000, 50, len(TALK)]
    assert third["events"][-1]["rttm"] == rttm_of_run(encoded(conversation()))


def test_pieces_of_several_sessions_reach_each_network_as_one_batch(stream, server):
    half = len(TALK) // 2
    for name in (A, B, C):
        stream.answer(name, TALK[:half], start=True)
    server.calls.clear()
    stream.execute(*(stream.request(name, TALK[half:], position=half) for name in (A, B, C)))
    for model, tensor in {
        "sad": "samples",
        "segmentation": "wav",
        "speaker_model": "feats",
    }.items():
        (call,) = server.calls_of(model)
        assert call.shapes[tensor][0] % 3 == 0


def test_sessions_that_are_answered_together_find_what_each_finds_alone(stream):
    audio = {A: TALK, B: TALK[::-1].copy(), C: np.zeros(len(TALK), np.int16)}
    alone = [stream.events(name[::-1][:15] + "_", each) for name, each in audio.items()]
    together = {name: [] for name in audio}
    size = 8000
    for first in range(0, len(TALK), size):
        answers = stream.execute(
            *(
                stream.request(
                    name,
                    each[first : first + size],
                    start=first == 0,
                    position=first,
                    seen=len(together[name]),
                    end=first + size >= len(TALK),
                )
                for name, each in audio.items()
            )
        )
        for found, answer in zip(together.values(), answers, strict=True):
            found += answer["events"]
    assert list(together.values()) == alone


WRONG_PARAMETERS = [
    ({"session": None}, "'session': got 'None', expected 16 to 64 letters, digits, - or _"),
    ({"session": "short"}, "'session': got 'short'"),
    ({"session": "../../../../etc/passwd"}, "'session'"),
    ({"session": A, "start": "yes"}, "'start': got 'yes', expected true or false"),
    ({"session": A, "end": 1}, "'end': got '1', expected true or false"),
    ({"session": A, "position": -1}, "'position': got '-1', expected an integer from 0 on"),
    ({"session": A, "seen": "all"}, "'seen': got 'all', expected an integer from 0 on"),
    ({"session": A, "num_speakers": 2}, "'num_speakers': got it in a session that goes on"),
    ({"session": A, "rate_hz": 8000}, "'rate_hz': got it in a session that goes on"),
    ({"session": C, "start": True, "rate_hz": 7999}, "'rate_hz': got '7999', expected an integer"),
    ({"session": C, "start": True, "latency_s": "3"}, "'latency_s': got '3', expected one of 0.5"),
    ({"session": C, "start": True, "num_speakers": 0}, "'num_speakers': got '0'"),
    ({"session": C, "start": True, "mode": "classic"}, "got mode 'classic'"),
    ({"session": C, "start": True, "channels": "first"}, "channels 'first'"),
    ({"session": C, "start": True, "speakers": 2}, "'speakers' is unknown"),
    ({"session": C, "start": True, "voices": "all"}, "'voices': got 'all', expected true or false"),
    ({"session": A, "start": True, "exclusive": True}, "started with other parameters"),
]
ONE_S = TALK[:SAMPLE_RATE_HZ]
NAN = np.full(100, np.nan, np.float32)


def tensors(audio):
    return {"pcm" if audio.dtype == np.int16 else "samples": np.atleast_2d(audio)}


WRONG_AUDIO = [
    (tensors(ONE_S), {"position": 16_001}, "got 16001, expected at most 16000"),
    ({**tensors(ONE_S), **tensors(NAN)}, {}, "got samples and pcm, expected one of them"),
    ({"pcm": np.zeros((2, 8), np.int16)}, {}, "pcm: got shape [2, 8], expected [1, samples]"),
    ({"pcm": np.zeros(8, np.int16)}, {}, "pcm: got shape [8], expected [1, samples]"),
    (tensors(ONE_S / np.float32(32768)), {"position": 16_000}, "float32, expected int16 as before"),
    (tensors(np.zeros(160_001, np.int16)), {}, "got 10.0 s of audio at once, expected at most 10"),
]
BAD = [
    *(({}, parameters, INVALID, text) for parameters, text in WRONG_PARAMETERS),
    *((inputs, {"session": A, **more}, INVALID, text) for inputs, more, text in WRONG_AUDIO),
    (tensors(NAN), {"session": C, "start": True}, INVALID, "got NaN or infinite samples"),
    ({}, {"session": C}, UNKNOWN, "which was never started, has ended or was idle"),
]


@pytest.mark.parametrize(("inputs", "parameters", "code", "text"), BAD)
def test_a_bad_request_is_refused_and_harms_no_other(
    stream, server, inputs, parameters, code, text
):
    stream.answer(A, ONE_S, start=True)
    rest = {"position": len(ONE_S), "end": True}
    refused, other, same = stream.execute(
        stream.raw(inputs, **parameters),
        stream.request(B, TALK, start=True, end=True),
        stream.request(A, TALK[len(ONE_S) :], **rest),
    )
    assert (refused.code(), server.logger.errors) == (code, [])
    assert re.search(re.escape(text), refused.message()), refused.message()
    for answer in (other, same):
        assert answer["events"][-1]["rttm"] == rttm_of_run(encoded(conversation()))


def test_parameters_of_triton_itself_change_nothing(stream):
    own = {"priority": 1, "binary_data_output": True, "triton_enable_empty_final_response": True}
    assert stream.answer(A, ONE_S, start=True, **own)["received"] == len(ONE_S)
    assert stream.answer(A, **own)["received"] == len(ONE_S)


def test_audio_after_the_end_is_refused(stream):
    stream.answer(A, ONE_S, start=True, end=True)
    assert stream.error(A, ONE_S, position=len(ONE_S)) == (
        INVALID,
        "got audio after the end of the session, expected none",
    )
    assert stream.answer(A, ONE_S, end=True)["received"] == len(ONE_S)


def test_a_session_longer_than_a_recording_may_be_is_refused(stream):
    options = stream.model.options
    stream.model.options = replace(options, limits=replace(options.limits, audio_s=1.5))
    stream.answer(A, ONE_S, start=True)
    code, text = stream.error(A, ONE_S, position=len(ONE_S))
    assert (code, text) == (INVALID, "got more than 1.5 s of audio, expected a new session")


def test_one_session_too_many_is_unavailable(stream):
    most = int(stream.config.parameters["sessions.most"].string_value)
    assert most == 32
    for number in range(most):
        stream.answer(f"{number:016}", start=True)
    code, text = stream.error(A, start=True)
    assert (code, "expected at most 32 at once" in text) == (TritonError.UNAVAILABLE, True)


def test_sessions_and_their_audio_are_counted(stream, server):
    for number in range(33):
        stream.execute(stream.request(f"{number:016}", ONE_S, start=True))
    stream.answer(f"{0:016}", ONE_S[:8_000], position=len(ONE_S))
    wait_until(lambda: server.metrics.value("diarization_live_audio_seconds_total") == 32.5)
    wait_until(lambda: server.metrics.value("diarization_live_refused_sessions_total") == 1)
    assert server.metrics.value("diarization_live_sessions") == 32
    assert server.metrics.value("diarization_live_idle_sessions_total") == 0
    stream.model.sessions._idle_s = 0
    wait_until(lambda: server.metrics.value("diarization_live_idle_sessions_total") == 32)
    assert server.metrics.value("diarization_live_sessions") == 0


def test_a_piece_sent_again_changes_nothing(stream, server):
    stream.answer(A, TALK[:40_000], start=True)
    sent = {"audio": TALK[40_000:80_000], "position": 40_000}
    answer = stream.answer(A, **sent)
    server.calls.clear()
    assert stream.answer(A, **sent) == answer
    assert stream.answer(A, TALK[:40_000], start=True) == answer
    assert stream.answer(A) == answer
    assert server.calls == []
    longer = stream.answer(A, TALK[60_000:], position=60_000, end=True)
    assert longer["received"] == len(TALK)
    assert longer["events"][-1]["rttm"] == rttm_of_run(encoded(conversation()))


def test_events_that_were_seen_are_dropped_and_later_ones_sent_again(stream):
    half = len(TALK) // 2
    before = stream.answer(A, TALK[:half], start=True)["events"]
    events = stream.answer(A, TALK[half:], position=half)["events"]
    assert events[: len(before)] == before
    assert len(before) < len(events)
    assert numbers(events) == list(range(1, len(events) + 1))
    assert stream.answer(A, seen=2)["events"] == events[2:]
    assert stream.answer(A)["events"] == events[2:]
    assert stream.answer(A, seen=len(events))["events"] == []


def test_the_end_asked_for_twice_gives_the_same_result(stream, server):
    sent = {"audio": TALK, "end": True, "start": True}
    answer = stream.answer(A, **sent)
    server.calls.clear()
    assert stream.answer(A, **sent) == answer
    *before, result = answer["events"]
    assert result["type"] == "result"
    assert stream.answer(A, end=True, seen=len(before))["events"] == [result]
    assert server.calls == []


def test_others_are_answered_while_the_result_of_one_is_computed(stream, monkeypatch):
    begun, may_go_on = Event(), Event()
    names = stream.model.execute.__globals__
    result_of = names["result_of"]

    def waiting(*arguments):
        begun.set()
        assert may_go_on.wait(WITHIN_S)
        return result_of(*arguments)

    monkeypatch.setitem(names, "result_of", waiting)
    requests = [stream.request(A, TALK, start=True, end=True), stream.request(A, end=True)]
    assert stream.model.execute(requests[:1]) == [None]
    assert begun.wait(WITHIN_S)
    assert stream.answer(B, ONE_S, start=True)["received"] == len(ONE_S)
    assert stream.model.execute(requests[1:]) == [None]  # it stays in order
    may_go_on.set()
    first, second = (each.sent.get(timeout=WITHIN_S).output_tensors() for each in requests)
    assert first[0].as_numpy() == second[0].as_numpy()
    assert json.loads(first[0].as_numpy().item())["events"][-1]["type"] == "result"


@pytest.mark.parametrize("audio", [None, np.empty(0, np.int16), TALK[:1], TALK[:300]])
def test_a_session_of_next_to_no_audio_has_an_empty_result(stream, audio):
    answer = stream.answer(A, audio, start=True, end=True)
    assert answer["received"] == (0 if audio is None else len(audio))
    assert answer["events"][-1]["rttm"] == ""


@pytest.mark.parametrize("failing", ["sad", "segmentation", "speaker_model"])
def test_after_a_failed_network_the_session_goes_on_to_the_same_result(stream, server, failing):
    working = server.models[failing]

    def every_second_fails(inputs):
        if len(server.calls_of(failing)) % 2:
            raise ModelFailureError("stub of /opt/secret died")
        return working(inputs)

    server.models[failing] = every_second_fails
    samples = np.tile(conversation(), LONG_S // 9)
    events = stream.events(A, pcm_of(samples), 1.7)
    assert server.logger.errors
    assert numbers(events) == list(range(1, len(events) + 1))
    assert events[-1]["rttm"] == rttm_of_run(encoded(samples))


def test_a_failed_network_is_unavailable_and_its_reason_is_in_the_log_only(stream, server):
    def broken(inputs):
        raise ModelFailureError("stub of /opt/secret died")

    server.models["segmentation"] = broken
    code, text = stream.error(A, TALK, start=True)
    assert code is TritonError.UNAVAILABLE
    assert text == "model 'segmentation' failed; the server's log says why"
    assert "/opt/secret" in server.logger.errors[0]


def test_an_unexpected_exception_is_an_internal_error_of_one_request(stream, server, monkeypatch):
    stream.answer(A, ONE_S, start=True)
    monkeypatch.setattr(stream.model.sessions._sessions[A], "forget", None)
    refused, answered = stream.execute(stream.request(A), stream.request(B, ONE_S, start=True))
    assert refused.code() is TritonError.INTERNAL
    assert refused.message() == "internal error; the server's log says more"
    assert server.logger.errors[0].startswith("Traceback")
    assert answered["received"] == len(ONE_S)


def test_requests_are_refused_while_the_server_drains(stream, tmp_path, monkeypatch):
    lock = tmp_path / "lock"
    monkeypatch.setenv("DIARIZATION_DRAIN_LOCK", str(lock))
    stream.answer(A, ONE_S, start=True)
    lock.write_bytes(b"x")
    assert stream.error(A) == (
        TritonError.UNAVAILABLE,
        "the server is stopping; ask again in a while",
    )
    lock.write_bytes(b"")
    assert stream.answer(A)["received"] == len(ONE_S)


@pytest.mark.parametrize("rate_hz", [8000, 44_100])
def test_another_process_goes_on_with_a_session_of_any_rate(stream, rate_hz):
    talk = np.tile(TALK, 3)
    undisturbed = stream.events(B, talk, 1.3, rate_hz, voices=True)
    processes = []

    def in_a_process_of_its_own(*requests):
        processes.append(stream.model.sessions)
        stream.model.initialize(initialize_args(stream.config, REPOSITORY / "stream"))
        return execute_here(*requests)

    execute_here, stream.execute = stream.execute, in_a_process_of_its_own
    assert stream.events(A, talk, 1.3, rate_hz, voices=True) == undisturbed
    # At the higher rate it is too short.
    assert bool(of_type(undisturbed, "voice")) == (rate_hz == 8000)
    assert undisturbed[-1]["rttm"] != ""
    for sessions in processes:
        sessions.remove(A)
        sessions.remove(B)

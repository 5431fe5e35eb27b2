"""Corrected turns: which are accepted, what becomes of them, and those of separate channels."""

import io
import json

import numpy as np
import pytest
import soundfile

from gateways import assert_problem
from media_files import write_media
from web.jobs import results
from web.jobs.results import MAX_SPEAKERS

ANA = {"start_s": 0.25, "end_s": 0.75, "speaker": "Ana María"}


def correct(gateway, job, *turns):
    return gateway.ask("PUT", f"{job}/turns", json={"turns": turns})


def test_corrected_turns_are_in_every_result(gateway, job):
    kept = {"start_s": 0, "end_s": 0.2, "speaker": "SPEAKER_00", "confidence": 0.75}

    answer = correct(gateway, job, ANA, kept)

    document = gateway.get(f"{job}/result").json()
    assert answer.status_code == 200
    assert answer.json() == document
    assert document["turns"] == [kept, {**ANA, "confidence": 1.0}]
    assert gateway.get(job).json()["corrected"] is True
    assert gateway.get(f"{job}/result?format=rttm").text == (
        "SPEAKER call 1 0.000 0.200 <NA> <NA> SPEAKER_00 <NA> <NA>\n"
        "SPEAKER call 1 0.250 0.500 <NA> <NA> Ana_María <NA> <NA>\n"
    )
    assert "Ana María" in gateway.get(f"{job}/result?format=srt").text


def test_a_correction_can_be_discarded(gateway, job):
    before = gateway.get(f"{job}/result").content
    correct(gateway, job)
    assert gateway.get(f"{job}/result").json()["turns"] == []

    assert gateway.ask("DELETE", f"{job}/turns").status_code == 204

    assert gateway.get(f"{job}/result").content == before
    assert gateway.get(job).json()["corrected"] is False


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"start_s": 0.75}, "turns.0"),
        ({"end_s": 30.001}, "turns.0"),
        ({"start_s": -1}, "turns.0.start_s"),
        ({"start_s": "soon"}, "turns.0.start_s"),
        ({"speaker": ""}, "turns.0.speaker"),
        ({"speaker": "Ana\nSPEAKER x"}, "turns.0.speaker"),
        ({"speaker": "x" * 101}, "turns.0.speaker"),
        ({"speaker": "Ana\0"}, "turns.0.speaker"),
        ({"speaker": "Ana\u00a0M."}, "turns.0.speaker"),
        ({"speaker": "Ana\u202e"}, "turns.0.speaker"),
        ({"speaker": "Ana\u200b"}, "turns.0.speaker"),
        ({"confidence": 2}, "turns.0.confidence"),
        ({"colour": "red"}, "turns.0.colour"),
    ],
)
def test_a_wrong_turn_is_named_and_changes_nothing(change, field, gateway, job):
    answer = correct(gateway, job, {**ANA, **change})

    assert assert_problem(answer, 422)["errors"][0]["field"] == field
    assert gateway.get(job).json()["corrected"] is False


def test_a_forbidden_character_is_printed_escaped(gateway, job):
    answer = correct(gateway, job, {**ANA, "speaker": "Ana\u202eb\0"})

    words = r"name 'Ana\u202eb\x00' holds '\u202e', expected no control character, direction mark"
    assert_problem(answer, 422, words)


@pytest.mark.parametrize("name", ["👨\u200d👩\u200d👧", "می\u200cخواهم", "Ana María"])
def test_a_name_keeps_the_joiners_of_its_script(name, gateway, job):
    answer = correct(gateway, job, {**ANA, "speaker": name})

    assert answer.json()["turns"][0]["speaker"] == name


def test_the_number_of_speakers_is_limited(gateway, job):
    turns = [
        {"start_s": n / 1000, "end_s": (n + 1) / 1000, "speaker": f"S{n}"}
        for n in range(MAX_SPEAKERS + 1)
    ]

    answer = correct(gateway, job, *turns)

    assert_problem(answer, 422, "turns of 1001 speakers, expected at most 1000")
    assert correct(gateway, job, *turns[1:]).status_code == 200


def test_as_many_speakers_as_were_found_are_accepted(gateway, job, monkeypatch):
    monkeypatch.setattr(results, "MAX_SPEAKERS", 0)

    assert correct(gateway, job, ANA).status_code == 200


def test_names_that_are_the_same_in_rttm_are_refused(gateway, job):
    answer = correct(gateway, job, ANA, {**ANA, "speaker": "Ana_María"})

    assert_problem(answer, 422, "one in RTTM")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{turns", "Invalid JSON"),
        (rb'{"turns": [{"start_s": 0, "end_s": 1, "speaker": "\ud800"}]}', ""),
        (rb'{"turns": [{"start_s": 0, "end_s": 1, "speaker": "\u0000"}]}', ""),
        (b'{"turns": [{"start_s": 0, "end_s": 1, "speaker": "\xff"}]}', ""),
        (rb'{"turns": [{"start_s": 0, "end_s": 1, "speaker": "a", "\udfff": 1}]}', ""),
        (b'{"turns": ' + b"[" * 100_000 + b"}", ""),
        (b'{"turns": 1e999}', ""),
    ],
)
def test_a_malformed_correction_is_refused(body, words, gateway, job):
    assert_problem(gateway.ask("PUT", f"{job}/turns", data=body), 422, words)


RTTM = (
    "SPEAKER call 1 0.000 1.000 <NA> <NA> CH1_SPEAKER_00 <NA> <NA>\n"
    "SPEAKER call 2 1.000 1.500 <NA> <NA> CH2_SPEAKER_00 <NA> <NA>\n"
)
INFO = {"audio_s": 3.0, "mode": "full", "channels": "separate", "n_channels": 2}


@pytest.fixture
def call(gateway, triton, wav):
    """A job with two separate channels, done."""
    answer = {"RTTM": RTTM, "INFO": json.dumps(INFO), "CONFIDENCE": [0.5, 0.25]}
    triton.reply = lambda _: answer
    path = gateway.start(wav("call.wav"), channels="separate")
    assert gateway.ended(path)["state"] == "done"
    assert triton.calls[0].parameters == {"channels": "separate"}
    return path


def result(gateway, job, token):
    return gateway.get(f"{job}/result?format={token}").text


def test_corrected_turns_keep_their_channels(gateway, call):
    assert result(gateway, call, "rttm") == RTTM
    assert result(gateway, call, "uem") == "call 1 0.000 3.000\ncall 2 0.000 3.000\n"
    turns = json.loads(result(gateway, call, "json"))["turns"]
    assert [turn["channel"] for turn in turns] == [1, 2]
    turns[1] |= {"speaker": "Ben", "start_s": 0.5}

    corrected = correct(gateway, call, *turns)

    assert corrected.status_code == 200, corrected.text
    assert corrected.json()["turns"] == turns
    assert result(gateway, call, "rttm").splitlines() == [
        RTTM.splitlines()[0],
        "SPEAKER call 2 0.500 2.000 <NA> <NA> Ben <NA> <NA>",
    ]


@pytest.mark.parametrize(("channel", "words"), [(3, "channel 3, expected at most 2"), (0, "1")])
def test_a_channel_that_does_not_exist_is_refused(gateway, call, channel, words):
    turn = {"start_s": 0, "end_s": 1, "speaker": "Ana", "channel": channel}

    assert_problem(correct(gateway, call, turn), 422, words)


@pytest.mark.parametrize(("channels", "n_sent"), [("mix", 1), ("first", 2), ("separate", 2)])
def test_triton_gets_the_channels_it_needs(gateway, triton, tmp_path, channels, n_sent):
    path = write_media(tmp_path / "call.m4a", np.zeros((16_000, 2), np.int16))

    assert gateway.send(path, channels=channels).status_code == 200

    assert soundfile.info(io.BytesIO(triton.calls[0].audio)).channels == n_sent

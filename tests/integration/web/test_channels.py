"""Separate channels by way of the gateway: what Triton gets, results and corrections of them."""

import io
import json

import numpy as np
import pytest
import soundfile

from gateways import assert_problem
from made_media import write_media

RTTM = (
    "SPEAKER call 1 0.000 1.000 <NA> <NA> CH1_SPEAKER_00 <NA> <NA>\n"
    "SPEAKER call 2 1.000 1.500 <NA> <NA> CH2_SPEAKER_00 <NA> <NA>\n"
)
INFO = {"audio_s": 3.0, "mode": "full", "channels": "separate", "n_channels": 2}


@pytest.fixture
def job(gateway, triton, wav):
    """A call whose channels were separate, done."""
    answer = {"RTTM": RTTM, "INFO": json.dumps(INFO), "CONFIDENCE": [0.5, 0.25]}
    triton.reply = lambda _: answer
    path = gateway.start(wav("call.wav"), channels="separate")
    assert gateway.ended(path)["state"] == "done"
    assert triton.calls[0].parameters == {"channels": "separate"}
    return path


def result(gateway, job, token):
    return gateway.get(f"{job}/result?format={token}").text


def test_results_tell_the_channels(gateway, job):
    assert result(gateway, job, "rttm") == RTTM
    turns = json.loads(result(gateway, job, "json"))["turns"]
    assert [turn["channel"] for turn in turns] == [1, 2]
    assert result(gateway, job, "uem") == "call 1 0.000 3.000\ncall 2 0.000 3.000\n"


def test_corrected_turns_keep_their_channels(gateway, job):
    turns = json.loads(result(gateway, job, "json"))["turns"]
    turns[1] |= {"speaker": "Ben", "start_s": 0.5}

    corrected = gateway.ask("PUT", f"{job}/turns", json={"turns": turns})

    assert corrected.status_code == 200, corrected.text
    assert corrected.json()["turns"] == turns
    assert result(gateway, job, "rttm").splitlines() == [
        RTTM.splitlines()[0],
        "SPEAKER call 2 0.500 2.000 <NA> <NA> Ben <NA> <NA>",
    ]


@pytest.mark.parametrize(("channel", "words"), [(3, "channel 3, expected at most 2"), (0, "1")])
def test_a_channel_that_there_is_not_is_refused(gateway, job, channel, words):
    turn = {"start_s": 0, "end_s": 1, "speaker": "Ana", "channel": channel}

    answer = gateway.ask("PUT", f"{job}/turns", json={"turns": [turn]})

    assert_problem(answer, 422, words)


@pytest.mark.parametrize(("channels", "n_sent"), [("mix", 1), ("first", 2), ("separate", 2)])
def test_triton_gets_the_channels_that_are_needed(gateway, triton, tmp_path, channels, n_sent):
    path = write_media(tmp_path / "call.m4a", np.zeros((16_000, 2), np.int16))

    assert gateway.send(path, channels=channels).status_code == 200

    assert soundfile.info(io.BytesIO(triton.calls[0].audio)).channels == n_sent

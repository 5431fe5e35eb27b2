"""A call with one speaker on each channel, cut out of the sample's two, to the real server.

Each channel also contains the other voice where both talk at once, so one speaker is requested.
"""

import csv
import json
import re
import subprocess

import numpy as np
import pytest
import soundfile
import tritonclient.grpc as grpcclient

from e2e.calls import audio_tensor, der_percent, diarize, run_client, wav_bytes
from scoring.scores import find_md_eval
from server.triton_server import ROOT

RATE_HZ = 16_000
LENGTH_S = 30.0
MOST_DER_PERCENT = 3.0
ONE_A_SIDE = {"channels": "separate", "num_speakers": 1}
MODES = ("full", "classic")

pytestmark = pytest.mark.triton


def cut_apart(samples, sides):
    """Samples (2, n): each channel has the audio of its turns, else silence."""
    channels = np.zeros((2, len(samples)), np.float32)
    for channel, turns in zip(channels, sides, strict=True):
        for begin, end in turns:
            own = slice(round(begin * RATE_HZ), round(end * RATE_HZ))
            channel[own] = samples[own]
    return channels


@pytest.fixture(scope="module")
def samples(sample):
    return soundfile.read(sample, dtype="float32")[0]


@pytest.fixture(scope="module")
def sides(sample):
    """Turns (begin s, end s) of the reference's two speakers, in order of their names."""
    rows = [line.split() for line in sample.with_suffix(".rttm").read_text().splitlines()]
    turns = {}
    for row in rows:
        begin = float(row[3])
        turns.setdefault(row[7], []).append((begin, begin + float(row[4])))
    return [turns[name] for name in sorted(turns)]


@pytest.fixture(scope="module")
def call(samples, sides):
    return cut_apart(samples, sides)


@pytest.fixture(scope="module")
def wav(call, tmp_path_factory):
    """The call as a file of two channels."""
    path = tmp_path_factory.mktemp("call") / "call.wav"
    path.write_bytes(wav_bytes(call.T))
    return path


@pytest.fixture(scope="module")
def reference(sides, wav):
    """The call's reference, beside it: a file of two channels."""
    lines = [
        f"SPEAKER call {channel} {begin:.3f} {end - begin:.3f} <NA> <NA> side{channel} <NA> <NA>\n"
        for channel, turns in enumerate(sides, start=1)
        for begin, end in turns
    ]
    path = wav.with_suffix(".rttm")
    path.write_text("".join(lines))
    return path


def channels_and_names(rttm):
    rows = [line.split() for line in rttm.splitlines()]
    return {(row[2], row[7]) for row in rows}


def md_eval_der(rttm, reference, folder):
    """DER at collar 0.25 s, by md-eval alone."""
    found = folder / "found.rttm"
    found.write_text(rttm)
    command = ["perl", find_md_eval(None), "-c", "0.25", "-r", reference, "-s", found]
    return der_percent(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("mode", MODES)
def test_each_channel_of_a_call_has_its_speaker_at_the_right_times(
    server, wav, reference, mode, tmp_path
):
    answer = diarize(server, wav.read_bytes(), mode=mode, recording_id="call", **ONE_A_SIDE)

    names = {("1", "CH1_SPEAKER_00"), ("2", "CH2_SPEAKER_00")}
    assert channels_and_names(answer.rttm) == names
    assert md_eval_der(answer.rttm, reference, tmp_path) < MOST_DER_PERCENT
    begins = [turn[0] for turn in answer.turns]
    assert begins == sorted(begins)
    assert answer.info["channels"] == "separate"
    assert answer.info["n_channels"] == answer.info["n_speakers"] == 2
    assert answer.info["audio_s"] == LENGTH_S


@pytest.mark.parametrize("mode", MODES)
def test_labels_embeddings_and_confidences_match_the_turns_of_both_channels(
    server, wav, call, mode
):
    both = diarize(server, wav.read_bytes(), mode=mode, **ONE_A_SIDE)
    named = {turn[2]: int(row[2]) for turn, row in zip(both.turns, both.labels[0], strict=True)}

    assert both.confidence.shape == (len(both.turns),)
    assert sorted(named.values()) == [0, 1]
    for number, side in enumerate(call, start=1):
        alone = diarize(server, wav_bytes(side), mode=mode, num_speakers=1)
        own = both.embeddings[named[f"CH{number}_SPEAKER_00"]]
        assert own @ alone.embeddings[0] > 0.999


@pytest.mark.parametrize("mode", MODES)
def test_channels_with_one_voice_need_no_number_of_speakers(server, samples, mode):
    alone = [[(11.03, 14.49)], [(14.7, 17.92), (21.78, 27.85)]]  # by the sample's reference
    answer = diarize(server, wav_bytes(cut_apart(samples, alone).T), mode=mode, channels="separate")

    assert [turn[2] for turn in answer.turns] == ["CH1_SPEAKER_00"] + 2 * ["CH2_SPEAKER_00"]
    times = [turn[:2] for turn in answer.turns]
    assert np.allclose(times, [*alone[0], *alone[1]], atol=0.25)


@pytest.mark.parametrize("asked", [{}, {"channels": "mix"}])
def test_the_mean_of_both_channels_has_two_speakers(server, wav, asked):
    answer = diarize(server, wav.read_bytes(), **asked)

    assert channels_and_names(answer.rttm) == {("1", "SPEAKER_00"), ("1", "SPEAKER_01")}
    assert (answer.info["channels"], answer.info["n_channels"]) == ("mix", 2)


def test_the_first_channel_is_answered_like_a_mono_file(server, wav, call):
    first = diarize(server, wav.read_bytes(), channels="first")
    alone = diarize(server, wav_bytes(call[0]))

    assert np.allclose(first.labels, alone.labels, atol=0.02)
    assert {name for _, name in channels_and_names(first.rttm)} == {turn[2] for turn in alone.turns}


def test_samples_and_a_file_give_the_same_answer(server, wav, call):
    tensor = grpcclient.InferInput("input", list(call.shape), "FP32")
    tensor.set_data_from_numpy(call)
    with grpcclient.InferenceServerClient(server.url) as client:
        by_samples = client.infer("run", [tensor], parameters=ONE_A_SIDE)
        by_file = client.infer("run", [audio_tensor(wav.read_bytes())], parameters=ONE_A_SIDE)

    assert np.allclose(by_samples.as_numpy("LABELS"), by_file.as_numpy("LABELS"), atol=0.02)


def test_an_invalid_value_is_refused_with_the_valid_ones(server, wav):
    with pytest.raises(grpcclient.InferenceServerException) as refusal:
        diarize(server, wav.read_bytes(), channels="both")

    assert refusal.value.status() == "StatusCode.INVALID_ARGUMENT"
    assert refusal.value.message() == (
        "parameter 'channels': got 'both', expected one of mix, first, separate"
    )


def test_the_client_writes_and_scores_both_channels(server, wav, reference, tmp_path):
    done = run_client(
        server, f"--audio_file={wav}", "--channels=separate", "--num_speakers=1",
        f"--output_directory={tmp_path}", "--format=json,csv,uem", f"--reference={reference}",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert der_percent(done.stdout) < MOST_DER_PERCENT
    rttm = (tmp_path / "rttm").read_text()
    assert md_eval_der(rttm, reference, tmp_path) == der_percent(done.stdout)
    rows = [line.split() for line in rttm.splitlines()]
    document = json.loads((tmp_path / "call.json").read_text())
    assert [turn["channel"] for turn in document["turns"]] == [int(row[2]) for row in rows]
    assert [turn["speaker"] for turn in document["turns"]] == [row[7] for row in rows]
    assert (tmp_path / "call.uem").read_text() == "call 1 0.000 30.000\ncall 2 0.000 30.000\n"


def test_the_example_in_the_docs_matches_the_answer(server, wav):
    done = run_client(
        server, f"--audio_file={wav}", "--channels=separate", "--num_speakers=1", "--format=csv"
    )  # fmt: skip
    page = (ROOT / "docs" / "formats.md").read_text()
    shown = re.search(r"^recording_id,.*,channel\n(?:call,.*\n)+", page, re.M)[0]
    (page_s, page_said), (now_s, now_said) = map(rows_of, (shown, done.stdout))

    assert now_said == page_said
    np.testing.assert_allclose(now_s, page_s, atol=0.02)


def rows_of(table):
    """Times, and speaker and channel, of every row of a CSV."""
    rows = list(csv.DictReader(table.splitlines()))
    times = [[float(row[name]) for name in ("start_s", "end_s")] for row in rows]
    return np.array(times), [(row["speaker"], row["channel"]) for row in rows]


def test_the_client_scores_both_channels_against_a_reference_of_one_channel(
    server, wav, sample, tmp_path
):
    one_channel = tmp_path / "mono.rttm"
    one_channel.write_text(sample.with_suffix(".rttm").read_text().replace("sample 1", "call 1"))

    done = run_client(
        server, f"--audio_file={wav}", "--channels=separate", "--num_speakers=1",
        f"--reference={one_channel}",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert der_percent(done.stderr) < MOST_DER_PERCENT

"""Outputs that can be requested beside turns, for real voices."""

import json

import numpy as np
import pytest
import soundfile

from e2e.calls import diarize, wav_bytes
from server.triton_server import MODEL_REPOSITORY

ROUNDING_S = 1e-6
MIDDLE_S = 19.0  # of the sample's speech, between two turns

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module", params=["full", "classic"])
def halves(server, sample, request):
    """Answers to the two halves of the sample; both speakers talk in both."""
    samples, rate_hz = soundfile.read(sample, dtype="float32")
    cut = round(MIDDLE_S * rate_hz)
    return [
        diarize(server, wav_bytes(part), mode=request.param, num_speakers=2)
        for part in (samples[:cut], samples[cut:])
    ]


def test_every_turn_has_a_confidence_and_every_speaker_an_embedding(halves):
    for answer in halves:
        assert answer.confidence.shape == (len(answer.turns),)
        assert ((answer.confidence > 0) & (answer.confidence <= 1)).all()
        assert answer.embeddings.shape == (2, 192)
        assert np.allclose(np.linalg.norm(answer.embeddings, axis=1), 1, atol=1e-5)


def test_embeddings_match_speakers_across_recordings(halves):
    first, second = halves
    alike = first.embeddings @ second.embeddings.T
    different, same = np.sort([alike.trace(), alike[::-1].trace()]) / 2
    assert same > 0.7
    assert same - different > 0.2


def test_info_names_the_network_of_the_embeddings(halves):
    note = MODEL_REPOSITORY / "speaker_model" / "1" / "model.onnx.json"
    assert halves[0].info["speaker_network"] == json.loads(note.read_text())["name"]


def test_exclusive_turns_do_not_overlap(server, sample):
    asked, unasked = (
        np.array([turn[:2] for turn in diarize(server, sample.read_bytes(), exclusive=each).turns])
        for each in (True, False)
    )
    assert (asked[1:, 0] >= asked[:-1, 1] - ROUNDING_S).all()
    assert (unasked[1:, 0] < unasked[:-1, 1] - ROUNDING_S).any()


def test_silence_has_no_confidence_and_no_embedding(server):
    answer = diarize(server, wav_bytes(np.zeros(16_000, np.float32)))
    assert (answer.confidence.size, answer.embeddings.size) == (0, 0)


def test_a_faint_recording_has_the_speech_of_a_loud_one(server, sample):
    samples, _ = soundfile.read(sample, dtype="float32")
    loud, faint = (
        diarize(server, wav_bytes(samples * gain), mode="classic").turns for gain in (1.0, 0.01)
    )
    spoken_s = [sum(turn[1] - turn[0] for turn in turns) for turns in (loud, faint)]
    assert spoken_s[1] == pytest.approx(spoken_s[0], rel=0.05)

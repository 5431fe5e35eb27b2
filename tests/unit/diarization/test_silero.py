"""silero over whole stretches against silero called frame by frame, as its authors call it."""

import numpy as np
import pytest
import soundfile
import torch

from integration.model_contract import REPOSITORY
from integration.model_loading import import_file

# silero is published as TorchScript only, and torch warns about it.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.load. is deprecated:DeprecationWarning")

FOLDER = REPOSITORY / "sad" / "1"
SAMPLE = REPOSITORY.parent / "data" / "sample" / "sample.wav"
SAMPLE_RATE_HZ = 16_000
FRAME = 512
TOLERANCE = 1e-4


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads only get into each other's way on tensors this small."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def silero():
    return import_file(FOLDER / "silero.py")


@pytest.fixture(scope="module")
def original():
    """The TorchScript module as it is published; it keeps its state from call to call."""
    return torch.jit.load(FOLDER / "silero_vad.jit")


@pytest.fixture(scope="module")
def sequence(silero):
    return silero.SileroSequence(torch.jit.load(FOLDER / "silero_vad.jit"))


def frame_by_frame(original, samples):
    """Probabilities, shape=(n_streams, n_frames), of samples, shape=(n_streams, n_samples)."""
    original.reset_states()
    padded = torch.nn.functional.pad(samples, (0, -samples.shape[1] % FRAME))
    probs = [original(frame, SAMPLE_RATE_HZ) for frame in padded.split(FRAME, dim=1)]
    return torch.cat(probs, dim=1)


def speech_like(seconds, n_streams=1, seed=0):
    """Syllables of harmonics and noise, four a second, with pauses, shape=(n_streams, n)."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    streams = []
    for pitch_hz in random.uniform(90, 220, n_streams):
        voiced = sum(np.sin(2 * np.pi * k * pitch_hz * t) / k for k in range(1, 20))
        syllables = np.maximum(0, np.sin(2 * np.pi * 2 * t)) * (np.sin(2 * np.pi * t / 4) > -0.3)
        hiss = random.standard_normal(len(t)) * (np.sin(2 * np.pi * 3 * t) > 0.9)
        streams.append(0.1 * voiced * syllables + 0.05 * hiss)
    return torch.tensor(np.array(streams), dtype=torch.float32)


def recording(n_streams):
    """The sample recording, each stream starting elsewhere, 5 s long."""
    samples, rate_hz = soundfile.read(SAMPLE, dtype="float32")
    assert rate_hz == SAMPLE_RATE_HZ
    starts = [10 * SAMPLE_RATE_HZ * stream for stream in range(n_streams)]
    cuts = [samples[start : start + 5 * SAMPLE_RATE_HZ] for start in starts]
    return torch.tensor(np.array(cuts))


@pytest.mark.parametrize("n_streams", [1, 3])
@pytest.mark.parametrize("source", ["synthetic", "recorded"])
def test_a_sequence_is_the_same_as_frame_by_frame(sequence, original, source, n_streams):
    samples = speech_like(5, n_streams) if source == "synthetic" else recording(n_streams)
    probs, _ = sequence(samples)
    expected = frame_by_frame(original, samples)
    assert probs.shape == expected.shape == (n_streams, -(-samples.shape[1] // FRAME))
    assert torch.allclose(probs, expected, rtol=0, atol=TOLERANCE)


def test_the_recording_has_both_speech_and_pauses(sequence):
    probs, _ = sequence(recording(3))
    assert probs.max() > 0.9
    assert probs.min() < 0.1


def test_more_frames_than_are_encoded_at_once_give_the_same(sequence, silero, monkeypatch):
    samples = speech_like(6, n_streams=2)
    whole, _ = sequence(samples)
    monkeypatch.setattr(silero, "FRAMES_AT_ONCE", 7)
    pieces, _ = sequence(samples)
    assert torch.allclose(whole, pieces, rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_streams", [1, 3])
@pytest.mark.parametrize("frames_before", [1, 100])
def test_two_halves_joined_by_the_state_equal_one_call(sequence, n_streams, frames_before):
    samples = speech_like(6, n_streams)
    whole, last_state = sequence(samples)
    cut = frames_before * FRAME
    first, state = sequence(samples[:, :cut])
    second, state = sequence(samples[:, cut:], state)
    assert torch.allclose(torch.cat([first, second], dim=1), whole, rtol=0, atol=1e-5)
    assert torch.allclose(state, last_state, rtol=0, atol=1e-4)


def test_streams_do_not_influence_each_other(sequence):
    samples = speech_like(4, n_streams=3)
    together, _ = sequence(samples)
    alone = torch.cat([sequence(stream[None])[0] for stream in samples])
    assert torch.allclose(together, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_samples", [1, 63, 511, 513, 1000])
def test_a_partial_last_frame_is_padded_with_zeros(sequence, n_samples):
    samples = speech_like(1)[:, :n_samples]
    padded = torch.nn.functional.pad(samples, (0, -n_samples % FRAME))
    probs, _ = sequence(samples)
    assert probs.shape == (1, -(-n_samples // FRAME))
    assert torch.equal(probs, sequence(padded)[0])


def test_no_samples_give_no_frames_and_keep_the_state(sequence):
    _, state = sequence(speech_like(1)[:, : 10 * FRAME])
    probs, unchanged = sequence(torch.zeros(1, 0), state)
    assert probs.shape == (1, 0)
    assert torch.equal(unchanged, state)
    probs, start = sequence(torch.zeros(2, 0))
    assert probs.shape == (2, 0)
    assert torch.equal(start, torch.zeros(2, 320))


def test_the_input_is_not_written_to(sequence):
    samples = speech_like(1)
    before = samples.clone()
    _, state = sequence(samples)
    kept = state.clone()
    sequence(samples, state)
    assert torch.equal(samples, before)
    assert torch.equal(state, kept)


@pytest.mark.parametrize(
    ("samples_shape", "state_shape"),
    [
        ((1024,), None),
        ((1, 1, 1024), None),
        ((2, 1024), (1, 320)),
        ((1, 1024), (1, 128)),
        ((1, 1024), (320,)),
        ((1, 0), (2, 320)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(sequence, samples_shape, state_shape):
    state = None if state_shape is None else torch.zeros(state_shape)
    with pytest.raises(ValueError, match=r"sad: got samples .* and state .*, expected \[streams"):
        sequence(torch.zeros(samples_shape), state)

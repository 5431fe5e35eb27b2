"""Two synthetic speakers, and fakes of the three networks that distinguish them exactly.

Both are noise whose level swells and falls: four times a second for the slow speaker, six times for
the quick one, which the features of a window show clearly. Each also has its own tone, by which the
planted segmentation recognizes in every frame who talks, also when both do.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from tritonclient.grpc import model_config_pb2 as pb

from integration.fake_pb_utils import FakeServer, Request, TritonError
from integration.model_contract import REPOSITORY, Arrays, read_config
from integration.model_loading import execute, initialize_args, loaded

SAMPLE_RATE_HZ = 16_000
FRAME = 512
SILENCE_LEVEL, SPEECH_LEVEL = 1e-3, 1e-2
FRAMES_PER_S = 100
LOUDNESS_RANGE = 7.0  # a voice's swell has one of 4, silence lies 10 below it; natural logarithms
SLOW_HZ, QUICK_HZ = 4.0, 6.0
TONES_HZ = {SLOW_HZ: 1000.0, QUICK_HZ: 2000.0}
TONE_LEVEL = 0.1

# The segmentation network: 589 frames in 10 s, each of 991 samples.
N_CLASSES, N_CHUNK_FRAMES, CHUNK_FRAME, CHUNK_SHIFT = 7, 589, 991, 270
SURE, UNSURE = 0.94, 0.01  # probability of the class that is right, and of each other

Wave = NDArray[np.float32]


def voice(seconds: float, swell_hz: float) -> Wave:
    """Speech of one of the two speakers, shape=(n_samples,)."""
    noise = silence(seconds) / SILENCE_LEVEL
    swell, tone = (
        np.sin(2 * np.pi * hz * np.arange(len(noise)) / SAMPLE_RATE_HZ)
        for hz in (swell_hz, TONES_HZ[swell_hz])
    )
    return (noise * (0.1 + 0.08 * swell) + TONE_LEVEL * tone).astype(np.float32)


def silence(seconds: float) -> Wave:
    """Faint noise."""
    n_samples = round(seconds * SAMPLE_RATE_HZ)
    return np.random.default_rng(0).normal(0, SILENCE_LEVEL, n_samples).astype(np.float32)


def conversation(n_times: int = 1) -> Wave:
    """Slow speaker for 4 s, a second of silence, quick speaker for 4 s; again if asked."""
    return np.tile(np.concatenate([voice(4, SLOW_HZ), silence(1), voice(4, QUICK_HZ)]), n_times)


def mixed(n_seconds: float, *turns: tuple[float, float, float]) -> Wave:
    """Turns (begin s, end s, speaker), added up over faint noise."""
    wave = silence(n_seconds)
    for begin, end, speaker in turns:
        first = round(begin * SAMPLE_RATE_HZ)
        talk = voice(end - begin, speaker)
        wave[first : first + len(talk)] += talk
    return wave


def encoded(samples: Wave, container: str = "WAV") -> bytes:
    """The samples, those of several channels a column each, as a file of 16 bits per sample."""
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE_HZ, format=container, subtype="PCM_16")
    return file.getvalue()


def planted_sad(inputs: Arrays) -> Arrays:
    """Loud frames are speech; the state counts frames, so that a lost one is detected."""
    samples = inputs["samples"]
    n_streams, n_samples = samples.shape
    padded = np.pad(samples, ((0, 0), (0, -n_samples % FRAME)))
    frames = padded.reshape(n_streams, -1, FRAME)
    loud = np.sqrt(np.mean(frames**2, axis=2)) > SPEECH_LEVEL
    state = inputs.get("state", np.zeros((n_streams, 320), np.float32)) + np.float32(loud.shape[1])
    return {"speech_probs": loud.astype(np.float32), "next_state": state}


def planted_speaker_model(inputs: Arrays) -> Arrays:
    """[1, 0] for the slow speaker, [0, 1] for the quick one, by the rhythm of the loud frames."""
    loudness = inputs["feats"].mean(axis=2)
    loud = loudness > loudness.max(axis=1, keepdims=True) - LOUDNESS_RANGE
    mean = (loudness * loud).sum(axis=1, keepdims=True) / loud.sum(axis=1, keepdims=True)
    time_s = np.arange(loudness.shape[1]) / FRAMES_PER_S
    rhythms = np.exp(-2j * np.pi * np.outer(time_s, [SLOW_HZ, QUICK_HZ]))
    slow, quick = np.abs(((loudness - mean) * loud) @ rhythms).T
    return {"embs": np.stack([slow >= quick, slow < quick], axis=1).astype(np.float32)}


def planted_segmentation(inputs: Arrays) -> Arrays:
    """Who talks in each frame by the two tones; speakers are numbered by first appearance."""
    return {"logp": np.log(np.stack([chunk_posteriors(chunk[0]) for chunk in inputs["wav"]]))}


def chunk_posteriors(wave: Wave) -> NDArray[np.float32]:
    """Probabilities of the classes none, A, B, C, AB, AC, BC; shape=(589, 7)."""
    frames = np.lib.stride_tricks.sliding_window_view(wave, CHUNK_FRAME)[::CHUNK_SHIFT]
    hertz = np.array([*TONES_HZ.values()])
    carriers = np.exp(-2j * np.pi * np.outer(np.arange(CHUNK_FRAME), hertz) / SAMPLE_RATE_HZ)
    heard = np.abs(frames @ carriers.astype(np.complex64)) / CHUNK_FRAME > TONE_LEVEL / 4
    first_heard = np.where(heard.any(axis=0), heard.argmax(axis=0), len(heard))
    a, b = heard[:, np.argsort(first_heard, kind="stable")].T
    classes = np.where(a & b, 4, np.where(a, 1, np.where(b, 2, 0)))
    return np.where(np.arange(N_CLASSES) == classes[:, None], SURE, UNSURE).astype(np.float32)


def server_of_planted_models() -> FakeServer:
    """The networks as configured, with the outputs that are left to the models' files."""
    server = FakeServer()
    server.add(read_config(REPOSITORY / "sad" / "config.pbtxt"), planted_sad)
    segmentation = read_config(REPOSITORY / "segmentation" / "config.pbtxt")
    frames = [N_CHUNK_FRAMES, N_CLASSES]
    segmentation.output.add(name="logp", data_type=pb.TYPE_FP32, dims=frames)
    server.add(segmentation, planted_segmentation)
    speaker = read_config(REPOSITORY / "speaker_model" / "config.pbtxt")
    speaker.output.add(name="embs", data_type=pb.TYPE_FP32, dims=[2])
    server.add(speaker, planted_speaker_model)
    return server


def audio_input(audio: Wave | bytes) -> Arrays:
    """The input tensor of `run` that takes samples, a row per channel, or the bytes of a file."""
    if isinstance(audio, bytes):
        return {"AUDIO": np.array([audio], np.object_)}
    return {"input": np.atleast_2d(audio)}


@dataclass
class RunModel:
    """The model `run`, ready for requests; all of them have the parameters `always`."""

    config: pb.ModelConfig
    server: FakeServer
    module: Any
    model: Any
    always: dict[str, object] = field(default_factory=dict)

    def request(
        self,
        audio: Wave | bytes,
        parameters: dict[str, object] | None = None,
        **more: Any,
    ) -> Request:
        """A request with samples or with the bytes of a file."""
        every = {**self.always, **(parameters or {})}
        return Request(self.config, audio_input(audio), every, **more)

    def execute(self, *requests: Request) -> list[Arrays | TritonError]:
        """Outputs or error of every request."""
        return execute(self.model, list(requests))

    def outputs(self, request: Request) -> Arrays:
        """Outputs of a request that must be answered."""
        (outcome,) = self.execute(request)
        logged = self.server.logger.errors
        if isinstance(outcome, TritonError):
            raise AssertionError(f"{outcome.code()} {outcome.message()} {logged}")
        return outcome

    def error(self, request: Request) -> TritonError:
        """Error of a request that must be refused."""
        (outcome,) = self.execute(request)
        if not isinstance(outcome, TritonError):
            raise AssertionError("the request was answered")
        return outcome


@contextmanager
def running(server: FakeServer, **parameters: str) -> Iterator[RunModel]:
    """`run` with parameters set in its `config.pbtxt`; `__` in a name stands for its dot."""
    folder = REPOSITORY / "run"
    config = read_config(folder / "config.pbtxt")
    for name, value in parameters.items():
        config.parameters[name.replace("__", ".")].string_value = value
    with loaded(folder / "1" / "model.py", server) as module:
        model = module.TritonPythonModel()
        model.initialize(initialize_args(config, folder))
        yield RunModel(config, server, module, model)

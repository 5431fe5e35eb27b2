"""Two speakers who can be told apart on paper, and stand-ins for `sad` and `speaker_model`.

Both speak in noise that swells and falls: the slow speaker four times a second, the quick one six
times, which is what the features of a window show most clearly.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from tritonclient.grpc import model_config_pb2 as pb

from contract.fake_pb_utils import FakeServer, Request, TritonError
from contract.model_contract import REPOSITORY, Arrays, read_config
from contract.model_loading import execute, initialize_args, loaded

SAMPLE_RATE_HZ = 16_000
FRAME = 512
SILENCE_LEVEL, SPEECH_LEVEL = 1e-3, 1e-2
FRAMES_PER_S = 100
SLOW_HZ, QUICK_HZ = 4.0, 6.0

Wave = NDArray[np.float32]


def voice(seconds: float, swell_hz: float) -> Wave:
    """Speech of one of the two speakers, shape=(n_samples,)."""
    noise = silence(seconds) / SILENCE_LEVEL
    swell = np.sin(2 * np.pi * swell_hz * np.arange(len(noise)) / SAMPLE_RATE_HZ)
    return (noise * (0.12 + 0.1 * swell)).astype(np.float32)


def silence(seconds: float) -> Wave:
    """Faint noise."""
    n_samples = round(seconds * SAMPLE_RATE_HZ)
    return np.random.default_rng(0).normal(0, SILENCE_LEVEL, n_samples).astype(np.float32)


def conversation() -> Wave:
    """Slow speaker for 4 s, a second of silence, quick speaker for 4 s."""
    return np.concatenate([voice(4, SLOW_HZ), silence(1), voice(4, QUICK_HZ)])


def encoded(samples: Wave, container: str = "WAV") -> bytes:
    """The samples as a file of 16 bits per sample."""
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE_HZ, format=container, subtype="PCM_16")
    return file.getvalue()


def planted_sad(inputs: Arrays) -> Arrays:
    """Speech is whatever is loud; the state counts frames, so that a lost one is noticed."""
    samples = inputs["samples"]
    frames = np.pad(samples[0], (0, -samples.shape[1] % FRAME)).reshape(-1, FRAME)
    loud = np.sqrt(np.mean(frames**2, axis=1)) > SPEECH_LEVEL
    state = inputs.get("state", np.zeros((1, 320), np.float32)) + np.float32(len(frames))
    return {"speech_probs": loud[None].astype(np.float32), "next_state": state}


def planted_speaker_model(inputs: Arrays) -> Arrays:
    """[1, 0] for the slow speaker, [0, 1] for the quick one, by the loudness' strongest rhythm."""
    loudness = inputs["feats"].mean(axis=2)
    strongest = np.abs(np.fft.rfft(loudness, axis=1)).argmax(axis=1)
    rhythm_hz = strongest * FRAMES_PER_S / loudness.shape[1]
    quick = rhythm_hz > (SLOW_HZ + QUICK_HZ) / 2
    return {"embs": np.stack([~quick, quick], axis=1).astype(np.float32)}


def server_of_planted_models() -> FakeServer:
    """`sad` and `speaker_model` as configured, the latter's output completed from its file."""
    server = FakeServer()
    server.add(read_config(REPOSITORY / "sad" / "config.pbtxt"), planted_sad)
    speaker = read_config(REPOSITORY / "speaker_model" / "config.pbtxt")
    speaker.output.add(name="embs", data_type=pb.TYPE_FP32, dims=[2])
    server.add(speaker, planted_speaker_model)
    return server


def audio_input(audio: Wave | bytes) -> Arrays:
    """The input tensor of `run` that takes samples, or the bytes of a file."""
    if isinstance(audio, bytes):
        return {"AUDIO": np.array([audio], np.object_)}
    return {"input": audio[None]}


@dataclass
class RunModel:
    """The model `run`, ready for requests."""

    config: pb.ModelConfig
    server: FakeServer
    module: Any
    model: Any

    def request(
        self,
        audio: Wave | bytes,
        parameters: dict[str, object] | None = None,
        **more: Any,
    ) -> Request:
        """A request with samples or with the bytes of a file."""
        return Request(self.config, audio_input(audio), parameters, **more)

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

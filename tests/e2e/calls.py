"""Calls to the running service, as a client in any language would make them."""

import io
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import soundfile
import tritonclient.grpc as grpcclient

from server.triton_server import ROOT

CLIENT = ROOT / "client" / "client.py"


@dataclass(frozen=True)
class Answer:
    labels: np.ndarray
    rttm: str
    info: dict
    confidence: np.ndarray
    embeddings: np.ndarray

    @property
    def turns(self):
        """(begin s, end s, speaker) of every RTTM line."""
        rows = [line.split() for line in self.rttm.splitlines()]
        return [(float(r[3]), float(r[3]) + float(r[4]), r[7]) for r in rows]


def same_turns(labels, expected):
    """Whether the speakers are the same and the boundaries too, within 20 ms.

    The last bits of embeddings depend on the batch, so on concurrent requests.
    """
    return labels.shape == expected.shape and bool(np.abs(labels - expected).max(initial=0) <= 0.02)


def audio_tensor(encoded):
    """The input of `run` that takes the bytes of a file."""
    tensor = grpcclient.InferInput("AUDIO", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([encoded], dtype=np.object_))
    return tensor


def diarize(server, encoded, **parameters):
    """Answer to the bytes of an audio file."""
    tensor = audio_tensor(encoded)
    with grpcclient.InferenceServerClient(server.url) as client:
        result = client.infer("run", [tensor], parameters=parameters, client_timeout=240)
    texts = {name: result.as_numpy(name)[0].decode() for name in ("RTTM", "INFO")}
    return Answer(
        result.as_numpy("LABELS"),
        texts["RTTM"],
        json.loads(texts["INFO"]),
        result.as_numpy("CONFIDENCE"),
        result.as_numpy("EMBEDDINGS"),
    )


def diarize_all(server, files, **parameters):
    """Answers or exceptions, in order, to files sent at the same time."""

    def attempt(encoded):
        try:
            return diarize(server, encoded, **parameters)
        except grpcclient.InferenceServerException as error:
            return error

    with ThreadPoolExecutor(len(files)) as threads:
        return list(threads.map(attempt, files))


def wav_bytes(samples, rate_hz=16_000):
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()


def run_client(server, *flags):
    """The client as a user starts it; returns the finished process with its output as text."""
    command = [sys.executable, str(CLIENT), f"--url={server.url}", *map(str, flags)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)


def der_percent(text):
    """DER at collar 0.25 in what the client printed, or in md-eval's own report."""
    client_line = re.search(r"DER ([\d.]+) %.*collar 0.25", text)
    md_eval_line = re.search(r"OVERALL SPEAKER DIARIZATION ERROR = ([\d.]+) percent", text)
    return float((client_line or md_eval_line).group(1))

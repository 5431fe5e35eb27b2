"""Long recordings, and requests that can be cancelled."""

import io

import numpy as np
import soundfile
import tritonclient.grpc as grpcclient

from e2e.calls import audio_tensor


def repeated(sample, n_times, kind="FLAC"):
    """The recording repeated `n_times`, encoded with 16 bits per sample."""
    samples, rate_hz = soundfile.read(sample, dtype="int16")
    file = io.BytesIO()
    soundfile.write(file, np.tile(samples, n_times), rate_hz, format=kind, subtype="PCM_16")
    return file.getvalue()


class UnderWay:
    """A request that was sent; `outcomes` gets its result or its error when there is one."""

    def __init__(self, server, encoded, timeout_s=None, **parameters):
        self.outcomes = []
        self._client = grpcclient.InferenceServerClient(server.url)
        self._call = self._client.async_infer(
            "run",
            [audio_tensor(encoded)],
            lambda result, error: self.outcomes.append(error or result),
            parameters=parameters,
            client_timeout=timeout_s,
        )

    def cancel(self):
        self._call.cancel()

    def disconnect(self):
        self._client.close()

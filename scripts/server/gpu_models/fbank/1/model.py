"""Triton model `fbank`: the features that `diarization.fbank` computes, by torchaudio on a GPU."""

import traceback
from typing import Any

import torch
import torchaudio.compliance.kaldi as kaldi
import triton_python_backend_utils as pb_utils

SAMPLE_RATE_HZ = 16_000
FRAME_LENGTH = 400  # torchaudio refuses less
N_MELS = 80
INT16_SCALE = 32768.0


class TritonPythonModel:
    """One instance on one device."""

    def initialize(self, args: dict[str, str]) -> None:
        """Choose the instance's device; a GPU that torch cannot use is replaced by the CPU."""
        torch.set_grad_enabled(False)
        on_gpu = args["model_instance_kind"] == "GPU" and torch.cuda.is_available()
        self.device = torch.device(f"cuda:{args['model_instance_device_id']}" if on_gpu else "cpu")
        pb_utils.Logger.log_info(f"model 'fbank' runs on {self.device}")

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer all requests; an error affects only its own request."""
        return [self._respond(request) for request in requests]

    def _respond(self, request: Any) -> Any:  # noqa: ANN401 - the server's types exist only inside it
        samples, window_type = (
            pb_utils.get_input_tensor_by_name(request, name).as_numpy()
            for name in ("samples", "window_type")
        )
        try:
            on_device = torch.from_numpy(samples).to(self.device)
            features = fbank(on_device, window_type[0].decode()).cpu().numpy()
        except Exception:
            pb_utils.Logger.log_error(traceback.format_exc())
            return pb_utils.InferenceResponse([], pb_utils.TritonError("model 'fbank' failed"))
        return pb_utils.InferenceResponse([pb_utils.Tensor("features", features)])


def fbank(samples: torch.Tensor, window_type: str) -> torch.Tensor:
    """Log mel energies of every whole frame.

    In double precision: in single precision the faintest energies differ by more than 1e-3.

    Parameters
    ----------
    samples
        shape=(n_samples,), audio in [-1, 1] at 16 kHz.
    window_type
        "hamming" or "povey".

    Returns
    -------
    torch.Tensor
        shape=(n_frames, 80), on the device of the samples; 0 rows for less than one frame.
    """
    if len(samples) < FRAME_LENGTH:
        return samples.new_empty((0, N_MELS))
    return kaldi.fbank(
        samples[None].double() * INT16_SCALE,
        num_mel_bins=N_MELS,
        sample_frequency=SAMPLE_RATE_HZ,
        window_type=window_type,
        dither=0.0,
    ).float()

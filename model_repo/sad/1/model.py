"""Triton model `sad`: silero's probability of speech for whole stretches of audio."""

import traceback
from pathlib import Path
from typing import Any

import torch
import triton_python_backend_utils as pb_utils
from silero import SileroSequence

FILE_NAME = "silero_vad.jit"
REMEDY = "run ./scripts/setup.sh or scripts/setup/prepare_models.py"
# More would save little on an idle machine, and waits for itself on a busy one.
N_THREADS = 1
CONTAINER_FOLDER = Path(
    "/workspace/triton"
)  # where upstream's `docker run -v $SAD_DIR:/workspace/triton/` puts it


class TritonPythonModel:
    """One instance on one device."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load silero from the version folder or, where it is not there, from /workspace/triton."""
        own = Path(args["model_repository"]) / args["model_version"] / FILE_NAME
        path = next((path for path in (own, CONTAINER_FOLDER / FILE_NAME) if path.is_file()), None)
        if path is None:
            raise pb_utils.TritonModelException(f"model 'sad': {FILE_NAME} is missing; {REMEDY}")
        torch.set_grad_enabled(False)
        torch.set_num_threads(N_THREADS)
        self.device = torch_device(args["model_instance_kind"], args["model_instance_device_id"])
        self.silero = load_silero(path, self.device)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer all requests; an error affects only its own request."""
        return [self._respond(request) for request in requests]

    def _respond(self, request: Any) -> Any:  # noqa: ANN401 - the server's types exist only inside it
        try:
            samples, state = (self._input(request, name) for name in ("samples", "state"))
            probs, next_state = self.silero(samples, state)
        except ValueError as error:
            return pb_utils.InferenceResponse(
                [], pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
            )
        except Exception as error:
            pb_utils.Logger.log_error("".join(traceback.format_exception(error)))
            return pb_utils.InferenceResponse(
                [], pb_utils.TritonError("model 'sad' failed", pb_utils.TritonError.INTERNAL)
            )
        outputs = {"speech_probs": probs, "next_state": next_state}
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor(name, value.cpu().numpy()) for name, value in outputs.items()]
        )

    def _input(self, request: Any, name: str) -> torch.Tensor | None:  # noqa: ANN401
        tensor = pb_utils.get_input_tensor_by_name(request, name)
        return None if tensor is None else torch.from_numpy(tensor.as_numpy()).to(self.device)


def load_silero(path: Path, device: torch.device) -> SileroSequence:
    """The network of a file; one that is damaged keeps the model from loading."""
    try:
        return SileroSequence(torch.jit.load(path, map_location=device)).to(device)
    except Exception as error:
        cause = str(error).partition("\n")[0].partition(". ")[0]
        raise pb_utils.TritonModelException(
            f"model 'sad': {path.name} is damaged or not silero's ({cause}); {REMEDY}"
        ) from error


def torch_device(kind: str, device_id: str) -> torch.device:
    """Device of an instance; a GPU instance without a usable GPU runs on the CPU."""
    return (
        torch.device("cuda", int(device_id))
        if kind == "GPU" and torch.cuda.is_available()
        else torch.device("cpu")
    )

"""The outputs of `run` as arrays."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rttm import format_rttm
from .turns import Diarization, turn_rows


def output_arrays(
    found: Diarization, recording_id: str, info: Mapping[str, object]
) -> dict[str, NDArray[Any]]:
    """All outputs by name, of the types and shapes in `config.pbtxt`; texts are bytes in UTF-8."""
    texts = {"RTTM": format_rttm(found.turns, recording_id), "INFO": json.dumps(info)}
    return {
        **{name: np.array([text.encode()], np.object_) for name, text in texts.items()},
        "LABELS": turn_rows(found.turns)[None],
        "CONFIDENCE": np.array([turn.confidence for turn in found.turns], np.float32),
        "EMBEDDINGS": found.embeddings,
    }

"""The speaker network CAM++ in 8 bit, for processors that multiply integers faster than floats.

The inputs of most convolutions become unsigned bytes, scaled by the range that each takes over
windows of real speech; weights become signed bytes, scaled per output channel. All scales are
fixed, so a window's embedding does not depend on the windows beside it.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING

import numpy as np
import onnx
import soundfile
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

from setup.fetching import PROJECT
from setup.networks.interfaces import SPEAKER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float32]

WINDOW_SAMPLES, HOP_SAMPLES = 16_000, 8_000  # 1 s, as in mode `full`, every 0.5 s
NOISE_DB = (10, 20, 30)  # below the speech
WINDOWS_AT_ONCE = 8
ANALYSIS = "povey"  # as CAM++ was trained
# The first convolution, the last projection, and those of a layer's context, which see means over
# time: hardly any multiplications, and the network is sensitive to their rounding.
KEPT_IN_FLOAT = re.compile(r"/head/conv1/|/dense/|/cam_layer/linear[12]/")


def write_quantized(onnx_path: Path, speech: Path, quantized: Path) -> None:
    """Write the 8-bit copy of a network.

    Parameters
    ----------
    onnx_path
        The network in single precision.
    speech
        A recording at 16 kHz, one channel, whose windows give the ranges.
    quantized
        Where the copy is written.
    """
    convolutions = [node.name for node in onnx.load(onnx_path).graph.node if node.op_type == "Conv"]
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it advises to fold constants, which the export has done
    try:
        quantize_static(
            onnx_path,
            quantized,
            Batches(windows_of(speech)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=[name for name in convolutions if KEPT_IN_FLOAT.search(name)],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    finally:
        logging.disable(before)


class Batches(CalibrationDataReader):  # type: ignore[misc]
    """Windows in the form in which ONNX Runtime's calibration takes them."""

    def __init__(self, windows: Array) -> None:
        n_batches = len(windows) // WINDOWS_AT_ONCE
        self._batches: Iterator[Array] = iter(np.array_split(windows, n_batches))

    def get_next(self) -> dict[str, Array] | None:
        """The next batch, None at the end."""
        batch = next(self._batches, None)
        return None if batch is None else {SPEAKER.input_name: batch}


def windows_of(speech: Path) -> Array:
    """Features of the recording's windows, as it is and with white noise, shape=(n, 98, 80)."""
    sys.path.append(str(PROJECT / "model_repo" / "run" / "1"))
    from diarization.fbank import fbank, n_frames_of, window_features

    samples, _ = soundfile.read(speech, dtype="float32")
    random = np.random.default_rng(0)
    noise = random.standard_normal(len(samples), dtype=np.float32) * samples.std()
    starts = np.arange(0, len(samples) - WINDOW_SAMPLES, HOP_SAMPLES)
    windows = np.stack([starts, starts + WINDOW_SAMPLES], axis=1)
    heard = [samples, *(samples + noise * np.float32(10 ** (-db / 20)) for db in NOISE_DB)]
    return np.concatenate(
        [
            window_features(fbank(each, ANALYSIS), windows, n_frames_of(WINDOW_SAMPLES))
            for each in heard
        ]
    )

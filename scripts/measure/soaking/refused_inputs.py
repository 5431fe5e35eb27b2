"""Requests whose tensors are wrong: which there are, their type, shape and values."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from measure.soaking.asking import Request, Tensor, files_tensor, samples_tensor
from measure.soaking.audio import Speech
from measure.soaking.case import Case
from measure.soaking.files import as_floats, encoded
from measure.soaking.verdicts import Refused, RefusedByTriton, Verdict

IMPOSSIBLE = {
    np.nan: "finite",
    np.inf: "finite",
    -np.inf: "finite",
    1e30: "magnitude 1e+30",
}  # values, and what a refusal says of them
MORE_BYTES_THAN_THERE = 1000
LENGTH_BYTES = 4


def refused_inputs() -> Iterator[Case]:
    """All of them."""
    yield from _which()
    yield from _types()
    yield from _shapes()
    yield from _values()


def _which() -> Iterator[Case]:
    one_of = Refused(("got", "exactly one of input, AUDIO"))
    triton = RefusedByTriton()
    yield Case("inputs", "both input and AUDIO", _both, one_of)
    yield Case("inputs", "neither input nor AUDIO", lambda _: Request([]), one_of)
    yield Case("inputs", "two files in AUDIO", partial(_files, 2), triton)
    yield Case("inputs", "no file in AUDIO", partial(_files, 0), triton)
    yield Case("inputs", "an input of another name", partial(_changed, name="WAV"), triton)
    yield Case("inputs", "the same input twice", lambda speech: Request([_samples(speech)] * 2),
               triton)  # fmt: skip


def _types() -> Iterator[Case]:
    for datatype in ("FP64", "INT16", "FP16", "BYTES"):
        make = partial(_changed, datatype=datatype)
        yield Case("type", f"input as {datatype}", make, RefusedByTriton())
    yield Case("type", "AUDIO as UINT8", _file_as_numbers, RefusedByTriton())


def _shapes() -> Iterator[Case]:
    wrong_axes = Refused(("input: got shape", "[channels, samples]"))
    shapes: dict[str, tuple[tuple[int, ...], Verdict]] = {
        "input of rank 1": ((-1,), RefusedByTriton()),
        "input of rank 3": ((1, 1, -1), RefusedByTriton()),
        "input [samples, 1], axes exchanged": ((-1, 1), wrong_axes),
    }
    for name, (shape, verdict) in shapes.items():
        yield Case("shape", name, partial(_reshaped, shape), verdict)
    yield Case("shape", "input of no channel", partial(_changed, shape=[0, 16_000], content=b""),
               wrong_axes)  # fmt: skip
    yield Case("shape", "input with fewer bytes than its shape says",
               partial(_changed, shape=[1, 10**9]), RefusedByTriton())  # fmt: skip
    yield Case("shape", "AUDIO shorter than the length before it", _longer_than_it_is,
               RefusedByTriton())  # fmt: skip


def _values() -> Iterator[Case]:
    for value, naming in IMPOSSIBLE.items():
        expected = Refused(("audio: got", naming))
        yield Case("values", f"input with {value}", partial(_with_value, value), expected)
        make = partial(_file_with_value, value)
        yield Case("values", f"float wav with {value}", make, expected)


def _samples(speech: Speech) -> Tensor:
    return samples_tensor(as_floats(speech)[None])


def _both(speech: Speech) -> Request:
    return Request([_samples(speech), files_tensor(encoded(speech))])


def _files(n_files: int, speech: Speech) -> Request:
    return Request([files_tensor(*[encoded(speech)] * n_files)])


def _changed(speech: Speech, **parts: object) -> Request:
    """A good request with other parts in its tensor."""
    return Request([replace(_samples(speech), **parts)])  # type: ignore[arg-type]


def _reshaped(shape: tuple[int, ...], speech: Speech) -> Request:
    return Request([samples_tensor(as_floats(speech).reshape(shape))])


def _file_as_numbers(speech: Speech) -> Request:
    file = encoded(speech)
    return Request([Tensor("AUDIO", "UINT8", [len(file)], file)])


def _longer_than_it_is(speech: Speech) -> Request:
    file = encoded(speech)
    told = (len(file) + MORE_BYTES_THAN_THERE).to_bytes(LENGTH_BYTES, "little")
    return Request([replace(files_tensor(file), content=told + file)])


def _with_value(value: float, speech: Speech) -> Request:
    samples = as_floats(speech)[None]
    samples[0, len(speech) // 2] = value
    return Request([samples_tensor(samples)])


def _file_with_value(value: float, speech: Speech) -> Request:
    samples = as_floats(speech)
    samples[len(speech) // 2] = value
    return Request([files_tensor(encoded(samples, subtype="FLOAT"))])

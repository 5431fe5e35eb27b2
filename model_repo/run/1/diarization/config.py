"""All options of the service, and how `config.pbtxt` sets them under `parameters`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

from .stage_options import (
    ClusterOptions,
    ConfigError,
    FrameOptions,
    SadOptions,
    SpeakerBounds,
    WindowOptions,
    require,
)

MODES = ("full", "classic")


@dataclass(frozen=True)
class RequestDefaults:
    """What a request gets that does not ask.

    Attributes
    ----------
    mode
        "full" or "classic".
    """

    mode: str = "full"

    def __post_init__(self) -> None:
        require(
            self.mode in MODES,
            f"default.mode: got '{self.mode}', expected one of {', '.join(MODES)}",
        )


@dataclass(frozen=True)
class CallOptions:
    """Calls to the neural networks in the same server.

    Attributes
    ----------
    windows
        Windows per call to the speaker model; at most its `max_batch_size`.
    chunks
        Chunks per call to the segmentation model; at most its `max_batch_size`.
    in_flight
        Calls to one model that one recording may have under way.
    """

    windows: int = 64
    chunks: int = 8
    in_flight: int = 2

    def __post_init__(self) -> None:
        require(
            min(self.windows, self.chunks, self.in_flight) >= 1,
            "calls.windows, calls.chunks and calls.in_flight must be at least 1",
        )


@dataclass(frozen=True)
class LimitOptions:
    """The largest request that is worked on.

    Attributes
    ----------
    audio_s
        Longest recording, seconds.
    upload_mb
        Largest encoded file, 10^6 bytes; the samples of `input` count with their 4 bytes each.
    """

    audio_s: float = 43_200.0
    upload_mb: float = 1000.0

    def __post_init__(self) -> None:
        require(self.audio_s > 0, f"limits.audio_s must be above 0, got {self.audio_s}")
        require(self.upload_mb > 0, f"limits.upload_mb must be above 0, got {self.upload_mb}")


@dataclass(frozen=True)
class Options:
    """All options: each attribute is a section, `section.name` the key in `config.pbtxt`."""

    sad: SadOptions = field(default_factory=SadOptions)
    window: WindowOptions = field(default_factory=WindowOptions)
    cluster: ClusterOptions = field(default_factory=ClusterOptions)
    frames: FrameOptions = field(default_factory=FrameOptions)
    default: RequestDefaults = field(default_factory=RequestDefaults)
    speakers: SpeakerBounds = field(default_factory=SpeakerBounds)
    calls: CallOptions = field(default_factory=CallOptions)
    limits: LimitOptions = field(default_factory=LimitOptions)


def parse_options(parameters: Mapping[str, str]) -> Options:
    """Options from the `parameters` of `config.pbtxt`.

    Parameters
    ----------
    parameters
        "section.name" -> value as text; what is not named keeps its default.

    Raises
    ------
    ConfigError
        If a key is unknown, or a value is of the wrong type or impossible.
    """
    sections = get_type_hints(Options)
    values: dict[str, dict[str, Any]] = {name: {} for name in sections}
    for key, text in parameters.items():
        section, _, name = key.partition(".")
        types = get_type_hints(sections[section]) if section in sections else {}
        require(name in types, f"unknown parameter '{key}'; known: {', '.join(option_names())}")
        values[section][name] = _value(key, text, types[name])
    return Options(**{name: kind(**values[name]) for name, kind in sections.items()})


def option_names() -> list[str]:
    """Every key that `parse_options` accepts."""
    sections = get_type_hints(Options)
    return [
        f"{section}.{option.name}" for section, kind in sections.items() for option in fields(kind)
    ]


def _value(key: str, text: str, kind: type) -> object:
    try:
        value = kind(text)
    except ValueError as error:
        raise ConfigError(f"parameter '{key}': got '{text}', expected {kind.__name__}") from error
    finite = not isinstance(value, float) or math.isfinite(value)
    require(finite, f"parameter '{key}': got '{text}', expected a finite number")
    return value

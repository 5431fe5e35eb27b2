"""All options of the service, and how `config.pbtxt` sets them under `parameters`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

SECONDS_PER_FRAME = 0.025  # one fbank frame; nothing shorter has an embedding
SECONDS_PER_SAD_FRAME = 0.032
SHORTEST_HOP_S = 0.01  # features come every 10 ms
LARGEST_SEED = 2**32 - 1  # of numpy's generators: an unsigned 32-bit integer
SHORTEST_CHUNK_HOP_S, LONGEST_CHUNK_HOP_S = 0.1, 9.9  # a chunk's 589 frames cover 9.94 s
MOST_STRETCH_WINDOWS = 2000  # the time for a graph's spectrum grows with their cube
MAX_SPEAKERS_CEILING = 100  # beyond this a request is a mistake, not a meeting
MODES = ("full", "classic")


class ConfigError(ValueError):
    """A parameter in `config.pbtxt` is unknown or impossible; the model must not load."""


def require(condition: bool, text: str) -> None:
    """Raise ConfigError with `text` unless the condition holds."""
    if not condition:
        raise ConfigError(text)


def require_cosine(name: str, value: float) -> None:
    """Raise ConfigError unless `value` can be a cosine."""
    require(-1 <= value <= 1, f"{name}: -1 <= x <= 1, got {value}")


@dataclass(frozen=True)
class SadOptions:
    """Speech-activity detection.

    Attributes
    ----------
    onset, offset
        Probability at which speech starts, and below which it ends.
    fill_s
        Gaps in speech shorter than this are filled.
    drop_s
        Speech shorter than this (after filling) is dropped.
    pad_s
        Added to both ends of what remains.
    block_s
        Audio processed at a time; bounds the memory of long recordings.
    cut_search_s
        How far back from a block's end to look for a quiet place to cut.
    level_s
        Audio after which the level is measured again at which speech is detected.
    """

    onset: float = 0.3
    offset: float = 0.2
    fill_s: float = 0.1
    drop_s: float = 0.25
    pad_s: float = 0.05
    block_s: float = 120.0
    cut_search_s: float = 30.0
    level_s: float = 60.0

    def __post_init__(self) -> None:
        require(
            0 < self.offset <= self.onset < 1,
            f"sad: 0 < offset <= onset < 1, got {self.offset}, {self.onset}",
        )
        require(
            self.fill_s >= 0 and self.pad_s >= 0, "sad.fill_s and sad.pad_s must not be negative"
        )
        require(
            self.drop_s >= SECONDS_PER_FRAME,
            f"sad.drop_s must be at least {SECONDS_PER_FRAME}, got {self.drop_s}",
        )
        require(
            self.block_s >= 2 * SECONDS_PER_SAD_FRAME,
            f"sad.block_s must be at least {2 * SECONDS_PER_SAD_FRAME}, got {self.block_s}",
        )
        require(
            self.level_s >= SECONDS_PER_SAD_FRAME,
            f"sad.level_s must be at least {SECONDS_PER_SAD_FRAME}, got {self.level_s}",
        )
        require(
            SECONDS_PER_SAD_FRAME <= self.cut_search_s < self.block_s,
            f"sad: {SECONDS_PER_SAD_FRAME} <= cut_search_s < block_s, got {self.cut_search_s}",
        )


@dataclass(frozen=True)
class WindowOptions:
    """Windows for speaker embeddings, and the analysis window their features are computed with.

    Attributes
    ----------
    length_s, hop_s
        Length of a window and distance of two starts.
    analysis
        "hamming" (WeSpeaker's models) or "povey" (Kaldi's default); belongs to the speaker model.
    """

    length_s: float = 1.5
    hop_s: float = 0.75
    analysis: str = "hamming"

    def __post_init__(self) -> None:
        require(
            self.length_s >= SECONDS_PER_FRAME,
            f"window.length_s must be at least {SECONDS_PER_FRAME}",
        )
        require(
            SHORTEST_HOP_S <= self.hop_s <= self.length_s,
            f"window: {SHORTEST_HOP_S} <= hop_s <= length_s, got {self.hop_s}, {self.length_s}",
        )
        known = ("hamming", "povey")
        require(
            self.analysis in known,
            f"window.analysis: got '{self.analysis}', expected one of {', '.join(known)}",
        )


@dataclass(frozen=True)
class ClusterOptions:
    """Clustering of the embeddings.

    Attributes
    ----------
    few_windows
        Below this many windows agglomerative clustering is used: a graph of so few points has no
        clear eigengap.
    join_distance
        Average cosine distance up to which two groups of windows are one speaker.
    stretch_windows
        A recording is clustered in stretches of about this many windows, whose groups are then
        joined, so that speakers are found as well in long recordings as in short ones.
    same_voice
        Likeness from which groups are one speaker, see `joining.voice_likeness`.
    other_voice
        Likeness below which the halves of a group are two speakers.
    neighbours
        Edges kept per window.
    windows_per_speaker
        The eigengap looks for at most one speaker per this many windows.
    stranger_similarity
        A window with a lower cosine to every speaker found belongs to none of them.
    seed
        Of k-means' starting points.
    sharpness
        Of the softmax over the cosine similarities of a window to the speakers.
    """

    few_windows: int = 25
    join_distance: float = 0.55
    stretch_windows: int = 130
    same_voice: float = 0.66
    other_voice: float = 0.42
    neighbours: int = 7
    windows_per_speaker: int = 6
    stranger_similarity: float = 0.25
    seed: int = 0
    sharpness: float = 10.0

    def __post_init__(self) -> None:
        require(
            self.few_windows > 1, f"cluster.few_windows must be at least 2, got {self.few_windows}"
        )
        require(
            0 < self.join_distance <= 1,
            f"cluster.join_distance: 0 < x <= 1, got {self.join_distance}",
        )
        require(
            self.few_windows <= self.stretch_windows <= MOST_STRETCH_WINDOWS,
            f"cluster: few_windows <= stretch_windows <= {MOST_STRETCH_WINDOWS}, "
            f"got {self.few_windows}, {self.stretch_windows}",
        )
        require(
            0 <= self.other_voice <= self.same_voice <= 1 and self.same_voice > 0,
            "cluster: 0 <= other_voice <= same_voice <= 1 and same_voice > 0, "
            f"got {self.other_voice}, {self.same_voice}",
        )
        require(
            self.neighbours >= 1, f"cluster.neighbours must be at least 1, got {self.neighbours}"
        )
        require(self.windows_per_speaker >= 1, "cluster.windows_per_speaker must be at least 1")
        require(
            0 <= self.seed <= LARGEST_SEED,
            f"cluster.seed: 0 <= seed <= {LARGEST_SEED}, got {self.seed}",
        )
        require_cosine("cluster.stranger_similarity", self.stranger_similarity)
        require(self.sharpness > 0, f"cluster.sharpness must be above 0, got {self.sharpness}")


@dataclass(frozen=True)
class FrameOptions:
    """The full mode, which assigns speakers frame by frame.

    Attributes
    ----------
    chunk_hop_s
        Distance of two chunks of the segmentation net, of 10 s each, where people overlap.
    sparse_hop_s
        Most that they are apart elsewhere, where it is a multiple of `chunk_hop_s`.
    overlap_share
        Share of overlapped speech from which chunks are `chunk_hop_s` apart.
    speech
        Probability from which a frame is speech.
    fill_s, drop_s
        Shorter gaps in speech are filled, then shorter blips are dropped.
    window_s, window_hop_s
        Length of a window and distance of two starts.
    cluster_share, evidence_share
        Share of speech from which a window is clustered, and from which it is embedded at all.
    join_distance
        As `cluster.join_distance`; greater, since shorter windows are less alike.
    stranger_similarity
        As `cluster.stranger_similarity`; such windows may also become a speaker of their own, see
        `full.speakers.missed_speakers`.
    reach_s
        A window is evidence for the frames less than this from its middle.
    window_weight
        Weight of the windows' evidence against that of the chunks.
    least_active_s
        A chunk's local speaker who talks for less is ignored.
    least_turn_s
        Shorter stretches of a speaker go to the neighbouring speaker.
    turn_fill_s
        Shorter pauses of a speaker are filled.
    """

    chunk_hop_s: float = 1.25
    sparse_hop_s: float = 5.0
    overlap_share: float = 0.05
    speech: float = 0.4
    fill_s: float = 0.2
    drop_s: float = 0.2
    window_s: float = 1.0
    window_hop_s: float = 0.5
    cluster_share: float = 0.5
    evidence_share: float = 0.3
    join_distance: float = 0.65
    stranger_similarity: float = 0.35
    reach_s: float = 0.75
    window_weight: float = 2.0
    least_active_s: float = 0.1
    least_turn_s: float = 0.25
    turn_fill_s: float = 0.5

    def __post_init__(self) -> None:
        for name in ("chunk_hop_s", "sparse_hop_s"):
            require(
                SHORTEST_CHUNK_HOP_S <= getattr(self, name) <= LONGEST_CHUNK_HOP_S,
                f"frames: {SHORTEST_CHUNK_HOP_S} <= {name} <= {LONGEST_CHUNK_HOP_S}, "
                f"got {getattr(self, name)}",
            )
        require(0 <= self.overlap_share <= 1, "frames.overlap_share: 0 <= x <= 1")
        require(0 < self.speech < 1, f"frames.speech: 0 < x < 1, got {self.speech}")
        shares = 0 < self.evidence_share <= self.cluster_share <= 1
        require(shares, "frames: 0 < evidence_share <= cluster_share <= 1")
        require(0 < self.join_distance <= 1, "frames.join_distance: 0 < x <= 1")
        require_cosine("frames.stranger_similarity", self.stranger_similarity)
        require(self.reach_s > 0, f"frames.reach_s must be above 0, got {self.reach_s}")
        for name in ("fill_s", "drop_s", "least_active_s", "least_turn_s", "turn_fill_s"):
            require(getattr(self, name) >= 0, f"frames.{name} must not be negative")
        require(self.window_weight >= 0, "frames.window_weight must not be negative")
        require(
            self.window_s >= SECONDS_PER_FRAME,
            f"frames.window_s must be at least {SECONDS_PER_FRAME}, got {self.window_s}",
        )
        require(
            SHORTEST_HOP_S <= self.window_hop_s <= self.window_s,
            f"frames: {SHORTEST_HOP_S} <= window_hop_s <= window_s, "
            f"got {self.window_hop_s}, {self.window_s}",
        )

    @property
    def chunk_stride(self) -> int:
        """Every so many chunks one is segmented in any case."""
        return max(1, int(self.sparse_hop_s / self.chunk_hop_s))


@dataclass(frozen=True)
class SpeakerBounds:
    """How many speakers there may be: `minimum` <= speakers <= `maximum`."""

    minimum: int = 1
    maximum: int = MAX_SPEAKERS_CEILING

    def __post_init__(self) -> None:
        require(
            1 <= self.minimum <= self.maximum <= MAX_SPEAKERS_CEILING,
            f"speakers: 1 <= minimum <= maximum <= {MAX_SPEAKERS_CEILING}, "
            f"got {self.minimum} and {self.maximum}",
        )

    def clip(self, n_speakers: int, n_windows: int) -> int:
        """Nearest allowed number of speakers; never more than there are windows."""
        return min(max(n_speakers, self.minimum), self.maximum, n_windows)


@dataclass(frozen=True)
class RequestDefaults:
    """Values for requests that do not set them.

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
        Concurrent calls to one model per recording.
    """

    windows: int = 64
    chunks: int = 16
    in_flight: int = 2

    def __post_init__(self) -> None:
        require(
            min(self.windows, self.chunks, self.in_flight) >= 1,
            "calls.windows, calls.chunks and calls.in_flight must be at least 1",
        )


@dataclass(frozen=True)
class LimitOptions:
    """The largest accepted request.

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
        "section.name" -> value as text; missing keys keep their defaults.

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

"""Selection of a recording's channels, and one answer for channels that are diarized separately."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Embeddings, Samples
from .errors import InvalidAudioError, OverLimitError
from .turns import NO_SPEECH, Diarization, Turn, diarization_of

SEPARATE = "separate"
CHANNEL_CHOICES = ("mix", "first", SEPARATE)
# Each takes a pass that decodes all of them, which takes very long for a file of 1024. No call
# or meeting comes near the limit.
MOST_SEPARATE = 64
LARGEST_MAGNITUDE = 2.0**31  # of unscaled 32-bit integers; squares stay finite


@dataclass(frozen=True)
class Selection:
    """Channels that one pass through a recording reads.

    Attributes
    ----------
    channel
        Number from 0; None: the mean of all.
    n_passes
        Number of such passes. Each counts towards the longest recording.
    """

    channel: int | None = None
    n_passes: int = 1


MIX = Selection()


def selections(choice: str, n_channels: int) -> list[Selection]:
    """The passes that one of `CHANNEL_CHOICES` means for a recording of `n_channels`.

    There is at least one pass, so that a recording without channels is checked too.

    Raises
    ------
    OverLimitError
        If these are more passes than a recording may have.
    """
    if choice == SEPARATE:
        if n_channels > MOST_SEPARATE:
            raise OverLimitError(
                f"parameter 'channels': got {SEPARATE!r} for audio of {n_channels} channels, "
                f"expected at most {MOST_SEPARATE}"
            )
        n_passes = max(n_channels, 1)
        return [Selection(channel, n_passes) for channel in range(n_passes)]
    return [Selection(0) if choice == "first" else MIX]


def mono_of(channels: NDArray[Any], axis: int, selection: Selection) -> Samples:
    """Samples of the selected channel, or the mean of all.

    Parameters
    ----------
    channels
        shape=(n_channels, n_samples), or the other way round.
    axis
        That of the channels.

    Raises
    ------
    InvalidAudioError
        If a value is not finite or too large to work with. Other channels are not checked.
    """
    if selection.channel is not None:
        mono: Samples = channels.take(selection.channel, axis=axis).astype(np.float32, copy=False)
    else:
        with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is refused, not warned of
            mono = channels.mean(axis=axis, dtype=np.float32)
    require_workable(mono)
    return mono


def require_workable(mono: Samples) -> None:
    """Raise InvalidAudioError if a value is not finite or too large to work with."""
    largest = np.abs(mono).max(initial=0)  # NaN if one of them is
    if not np.isfinite(largest):
        raise InvalidAudioError("audio: got NaN or infinite samples, expected finite values")
    if largest > LARGEST_MAGNITUDE:
        raise InvalidAudioError(
            f"audio: got a sample of magnitude {largest:.3g}, "
            f"expected at most {LARGEST_MAGNITUDE:.3g}, and 1 as full scale"
        )


def joined(found: Sequence[Diarization]) -> Diarization:
    """Join the answers for separate channels to one.

    Parameters
    ----------
    found
        One answer per channel, in order.

    Returns
    -------
    Diarization
        Turns in order of begin, then end, then channel; labels by first appearance in all channels,
        as rows of `embeddings`. Speakers are not matched across channels: a voice in two is one
        speaker in each. Names hold channel and number: CH2_SPEAKER_00. `unlike_share` is the
        largest of all channels.
    """
    turns: list[Turn] = []
    n_before = 0
    for channel, each in enumerate(found, start=1):
        turns += [_in_channel(turn, channel, n_before) for turn in each.turns]
        n_before += each.n_speakers
    turns.sort(key=lambda turn: (turn.start_s, turn.end_s, turn.channel))
    return diarization_of(
        turns,
        _all_embeddings(found),
        sum(each.n_windows for each in found),
        max(each.unlike_share for each in found),
    )


def _in_channel(turn: Turn, channel: int, n_before: int) -> Turn:
    name = f"CH{channel}_{turn.speaker}"
    return replace(turn, label=n_before + turn.label, channel=channel, name=name)


def _all_embeddings(found: Sequence[Diarization]) -> Embeddings:
    """Rows of all channels; without speakers there is no number of columns to agree on."""
    heard = [each.embeddings for each in found if each.n_speakers]
    return np.concatenate(heard) if heard else NO_SPEECH.embeddings

"""Results to write in every format: planted ones, and any (hypothesis)."""

from hypothesis import strategies as st

from diarization.turns import Turn as ServerTurn
from diarization.turns import format_rttm
from formats.result import Doubt, Result, Turn

LONGEST_MS = 400_000_000  # more than 100 hours: clocks must not turn over
OVERLAPPING = Result(
    "töne-語",
    (
        Turn(0, 1_000, "SPEAKER_00", 0.5),
        Turn(500, 1_600, "SPEAKER_01", 0.25),
        Turn(1_000, 1_001, "SPEAKER_00", 1.0),
        Turn(3_599_999, 3_600_000, "SPEAKER_00", 0.0),
    ),
    3_600_000,
    "full",
)
APART = Result(
    "call",
    (
        Turn(0, 1_000, "CH1_SPEAKER_00", 0.5),
        Turn(500, 1_600, "CH2_SPEAKER_00", 0.25, 2),
        Turn(1_700, 1_800, "CH2_SPEAKER_01", 0.75, 2),
    ),
    2_000,
    "full",
    n_separate=2,
)
SILENT = Result("silence", (), 30_000, "classic")


def turns_of(result):
    """What every reader must return, in order of begin."""
    return [(turn.start_ms, turn.end_ms, turn.speaker) for turn in result.turns]


def served_rttm(result):
    """The RTTM that the server writes for these turns."""
    turns = [
        ServerTurn(
            turn.start_ms / 1000,
            turn.end_ms / 1000,
            int(turn.speaker[-2:]),
            channel=turn.channel,
            name=turn.speaker if result.n_separate else None,
        )
        for turn in result.turns
    ]
    return format_rttm(turns, result.recording_id)


def ids():
    """Recording ids of any script; no control characters, white space, "/", quotes or "NA"."""
    letters = st.characters(categories=["L", "N"], include_characters="-_.+()")
    return st.text(letters, min_size=1, max_size=12).map("id{}".format)


@st.composite
def results(draw):
    """Turns of up to three speakers; those of one speaker touch at most, as the server's do.

    Where channels are apart, each speaker has one of them.
    """
    n_speakers = draw(st.integers(0, 3))
    n_separate = draw(st.none() | st.integers(1, 3))
    turns = []
    for number in range(n_speakers):
        borders = draw(st.sets(st.integers(0, LONGEST_MS), min_size=2, max_size=10))
        ordered = sorted(borders)
        shares = draw(st.lists(st.integers(0, 10_000), min_size=10, max_size=10))
        step = draw(st.sampled_from([1, 2]))  # 1: each turn begins where the one before ended
        channel = draw(st.integers(1, n_separate or 1))
        name = f"SPEAKER_{number:02d}"
        name = f"CH{channel}_{name}" if n_separate else name
        turns += [
            Turn(ordered[n], ordered[n + 1], name, shares[n] / 10_000, channel)
            for n in range(0, len(ordered) - 1, step)
        ]
    turns.sort(key=lambda turn: (turn.start_ms, turn.end_ms, turn.speaker))
    audio_ms = max([turn.end_ms for turn in turns], default=0) + draw(st.integers(0, 5_000))
    mode = draw(st.sampled_from(["full", "classic"]))
    doubt = draw(st.none() | st.builds(Doubt, st.floats(0, 1), st.booleans()))
    return Result(draw(ids()), tuple(turns), audio_ms, mode, n_separate, doubt)

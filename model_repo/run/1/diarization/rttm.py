"""RTTM, NIST's format for "who spoke when": one line per turn, ten fields.

Source: NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan", appendix A.
"""

from collections.abc import Iterable

from .turns import Turn


def format_rttm(turns: Iterable[Turn], recording_id: str) -> str:
    """RTTM text of a recording, times in milliseconds.

    Parameters
    ----------
    turns
        In the order in which they are to be written.
    recording_id
        File id of every line; without white space.

    Returns
    -------
    str
        One line per turn, each ending in a newline; empty for no turns.
    """
    lines = []
    for turn in turns:
        start_ms, end_ms = round(turn.start_s * 1000), round(turn.end_s * 1000)
        times = f"{start_ms / 1000:.3f} {(end_ms - start_ms) / 1000:.3f}"
        lines.append(
            f"SPEAKER {recording_id} {turn.channel} {times} <NA> <NA> {turn.speaker} <NA> <NA>\n"
        )
    return "".join(lines)

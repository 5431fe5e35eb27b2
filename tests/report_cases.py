"""Turns and recordings that reports are made of in tests."""

from formats.result import Turn

HOSTILE = "</script><img src=x onerror=alert(1)>&\"'$title"


def turns(*rows):
    """Turns of (begin s, end s, speaker)."""
    return tuple(Turn(round(begin * 1000), round(end * 1000), name) for begin, end, name in rows)


def rttm(recording_id, *rows):
    """RTTM of (begin s, end s, speaker)."""
    return "".join(
        f"SPEAKER {recording_id} 1 {begin:.3f} {end - begin:.3f} <NA> <NA> {name} <NA> <NA>\n"
        for begin, end, name in rows
    )

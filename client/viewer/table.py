"""Talk times as an HTML table: what is left of the page where scripts may not run."""

from collections.abc import Sequence
from html import escape

from console.text import shown
from formats.result import Turn
from viewer.statistics import SpeakerStatistics, statistics

HEADINGS = ("Speaker", "Turns", "Talk time", "Share", "Mean turn", "Longest turn", "Overlapped")
NO_SPEECH = '<p class="no-speech">No speech found.</p>'


def statistics_table(turns: Sequence[Turn]) -> str:
    """Write one row per speaker, by first appearance."""
    if not turns:
        return NO_SPEECH
    headings = "".join(f'<th scope="col">{heading}</th>' for heading in HEADINGS)
    rows = "".join(map(_row, statistics(turns)))
    return f"<table><thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table>"


def _row(row: SpeakerStatistics) -> str:
    cells = (
        str(row.n_turns),
        clock(row.talk_ms),
        percent(row.share),
        seconds(row.mean_turn_ms),
        seconds(row.longest_turn_ms),
        percent(row.overlap_share),
    )
    texts = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr><th scope="row"><bdi>{escape(shown(row.speaker))}</bdi></th>{texts}</tr>'


# Halves are rounded up, as the viewer's JavaScript does.


def percent(share: float) -> str:
    """Write 0.125 as 13 %."""
    return f"{int(share * 100 + 0.5)} %"


def seconds(time_ms: float) -> str:
    """Write 1250 as 1.3 s."""
    return f"{int(time_ms / 100 + 0.5) / 10:.1f} s"


def clock(time_ms: float) -> str:
    """Write 66789 as 1:06.8, and an hour more as 1:01:06.8."""
    tenths = int(time_ms / 100 + 0.5)
    minutes, rest = divmod(tenths, 600)
    hours, minute = divmod(minutes, 60)
    begin = f"{hours}:{minute:02d}" if hours else f"{minute}"
    return f"{begin}:{rest // 10:02d}.{rest % 10}"

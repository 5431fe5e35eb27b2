"""File formats: the table of those beside RTTM, whose writers are in `formats.writers`."""

from collections.abc import Callable
from dataclasses import dataclass

from formats import writers
from formats.result import Result

RTTM = "rttm"  # the service's own text, which is written as it is


@dataclass(frozen=True)
class Format:
    """One file format.

    Parameters
    ----------
    text
        Writes it; may raise FormatError.
    ending
        Of its files: `<recording id><ending>`.
    outputs
        Outputs of the service that it needs, beside RTTM and INFO.
    joins
        Whether the texts of several recordings may follow each other in one file.
    """

    text: Callable[[Result], str]
    ending: str
    outputs: tuple[str, ...] = ()
    joins: bool = False


FORMATS = {
    "json": Format(writers.write_json, ".json", ("CONFIDENCE",), joins=True),
    "srt": Format(writers.write_srt, ".srt"),
    "vtt": Format(writers.write_vtt, ".vtt"),
    "textgrid": Format(writers.write_textgrid, ".TextGrid"),
    "audacity": Format(writers.write_audacity, ".audacity.txt"),
    "csv": Format(writers.write_csv, ".csv", ("CONFIDENCE",)),
    "uem": Format(writers.write_uem, ".uem", joins=True),
}
TOKENS = (RTTM, *FORMATS)

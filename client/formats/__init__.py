"""The file formats beside RTTM: a small pure module each, `text(result) -> str`; their table."""

from collections.abc import Callable
from dataclasses import dataclass

from formats import audacity, json_document, srt, table, textgrid, uem, vtt
from formats.result import Result

RTTM = "rttm"  # the server's own text, kept as it is: it has no module here


@dataclass(frozen=True)
class Format:
    """One file format.

    Parameters
    ----------
    text : Callable[[Result], str]
        Writes it; may raise FormatError.
    ending : str
        Of its files: `<recording id><ending>`.
    outputs : tuple[str, ...]
        What it needs of the service, beside RTTM and INFO.
    joins : bool
        Whether the texts of several recordings make sense one after another.
    """

    text: Callable[[Result], str]
    ending: str
    outputs: tuple[str, ...] = ()
    joins: bool = False


FORMATS = {
    "json": Format(json_document.text, ".json", ("CONFIDENCE",), joins=True),
    "srt": Format(srt.text, ".srt"),
    "vtt": Format(vtt.text, ".vtt"),
    "textgrid": Format(textgrid.text, ".TextGrid"),
    "audacity": Format(audacity.text, ".audacity.txt"),
    "csv": Format(table.text, ".csv", ("CONFIDENCE",)),
    "uem": Format(uem.text, ".uem", joins=True),
}
TOKENS = (RTTM, *FORMATS)

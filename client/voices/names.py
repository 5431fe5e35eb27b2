"""Names of enrolled voices: RTTM separates its fields by white space, so a name holds none."""

import re
import unicodedata

from console.text import EXPECTED_IN_NAMES, NOT_IN_NAMES

MOST_BYTES = 200

_WHITE = re.compile(r"\s+")
# What the service and --link_speakers call people they do not know; `<NA>` is RTTM's "nothing".
_OURS = re.compile(r"(\w+_)?(SPEAKER|VOICE)_\d+|<NA>", re.IGNORECASE)


def usable_name(text: str) -> str:
    """Make a name fit for RTTM: composed characters, and every stretch of white space one `_`.

    Raises
    ------
    ValueError
        If nothing is left, it is too long, holds what no file may hold, or is a name that people
        who are not enrolled get.
    """
    name = _WHITE.sub("_", unicodedata.normalize("NFC", text).strip())
    if not name:
        raise ValueError("got an empty name, expected at least one character")
    if found := NOT_IN_NAMES.search(name):
        raise ValueError(f"name {name!r} holds {found.group()!r}, expected {EXPECTED_IN_NAMES}")
    if (n_bytes := len(name.encode())) > MOST_BYTES:
        raise ValueError(
            f"name {name[:40]!r}... has {n_bytes} bytes, expected at most {MOST_BYTES}"
        )
    if _OURS.fullmatch(name):
        raise ValueError(f"got name {name!r}, which strangers get, expected a person's")
    return name

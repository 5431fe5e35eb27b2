"""The page itself: the viewer's files, the document and the sound in one HTML file.

Whatever comes from file names and RTTM enters as escaped HTML or as JSON that no tag can end. The
page's own policy lets no other script or style run than these, by their hashes, and nothing be
fetched.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from console.text import shown
from formats.result import Turn
from viewer.embedding import MEDIA_TYPE
from viewer.table import statistics_table

FOLDER = Path(__file__).parent
# In the order in which they are read; `report.js` starts the viewer in this page only.
VIEWER_SCRIPTS = (
    "dom.js",
    "icons.js",
    "time_scale.js",
    "waveform.js",
    "lanes.js",
    "timeline.js",
    "player.js",
    "turn_list.js",
    "statistics.js",
    "keyboard.js",
    "viewer.js",
    "theme.js",
)
_SCRIPTS = (*VIEWER_SCRIPTS, "report.js")
VIEWER_STYLES = ("colours.css", "viewer.css", "timeline.css", "lists.css")


def page(view: Mapping[str, Any], turns: Sequence[Turn], sound: bytes) -> str:
    """Write the page.

    Parameters
    ----------
    view : Mapping[str, Any]
        The document to show, see `report_page.document`.
    turns : Sequence[Turn]
        Its turns, for the table that needs no scripts.
    sound : bytes
        The recording as FLAC; nothing where it is too long for a page.
    """
    scripts = [_asset(name) for name in _SCRIPTS]
    style = "".join(map(_asset, VIEWER_STYLES))
    return Template(_asset("page.html")).substitute(
        policy=_policy(scripts, style),
        title=escape(shown(view["recording_id"])),
        style=style,
        doubt=f'<p class="doubt">{escape(view["doubt"])}</p>' if "doubt" in view else "",
        table=statistics_table(turns),
        document=json_for_html(view),
        media_type=MEDIA_TYPE,
        sound=base64.b64encode(sound).decode(),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )


def json_for_html(value: object) -> str:
    """Write JSON that can stand inside a script element: it holds no `<`, `>` and `&`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _asset(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _policy(scripts: list[str], style: str) -> str:
    script_hashes = " ".join(map(_hash, scripts))
    return (
        f"default-src 'none'; script-src {script_hashes}; style-src {_hash(style)}; "
        "media-src blob:; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

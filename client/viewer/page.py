"""A report: the viewer's modules and styles, the document and the sound in one HTML file.

Everything from file names and RTTM enters as escaped HTML or as JSON that no tag can end. The
page's own content security policy lets only this script and this style run, by their hashes, and
lets nothing be fetched.
"""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from console.text import shown
from formats.result import Result, Turn
from viewer.document import build_document
from viewer.sound import MEDIA_TYPE, Outline, load_sound

FOLDER = Path(__file__).parent
ENTRY = "report.js"
STYLES = ("colours.css", "viewer.css", "timeline.css")  # frame.html of the web page has them too
MOST_EMBEDDED_BYTES = 300_000_000  # a browser's text ends at about 500 MB; 9 hours or more
_IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const) (\w+))", re.MULTILINE)


def build_report(audio: Path, result: Result, reference: Sequence[Turn] | None = None) -> str:
    """Write the report of one recording.

    Parameters
    ----------
    audio
        The recording.
    result
        Its turns.
    reference
        The true turns, if known.

    Raises
    ------
    AudioError
        If the recording cannot be read.
    """
    outline, sound = load_sound(audio)
    return build_page(result, reference, outline, sound)


def build_page(
    result: Result, reference: Sequence[Turn] | None, outline: Outline, sound: bytes
) -> str:
    """Write the report of a recording that is read already, without sound too long for a page."""
    view = build_document(result, outline, reference)
    carried = sound if len(sound) <= MOST_EMBEDDED_BYTES else b""
    script = bundle(ENTRY)
    style = "".join(map(_asset, STYLES))
    return Template(_asset("page.html")).substitute(
        policy=_policy(script, style),
        title=escape(shown(result.recording_id)),
        style=style,
        doubt=f'<p class="doubt">{escape(view["doubt"])}</p>' if "doubt" in view else "",
        document=json_for_html(view),
        media_type=MEDIA_TYPE,
        sound=base64.b64encode(carried).decode(),
        script=script,
    )


def bundle(entry: str) -> str:
    """Join an ES module and all that it imports into one script, each after those it imports.

    A file that opens from disk cannot import others. Each module keeps its own scope: it becomes a
    function, which returns its exports.

    Raises
    ------
    ValueError
        If a module imports or exports in a form that is not known here.
    """
    modules: dict[str, str] = {}

    def add(name: str) -> None:
        text = _asset(name)
        for found in _IMPORT.finditer(text):
            if found[2] + ".js" not in modules:
                add(found[2] + ".js")
        exports = ", ".join(found[2] for found in _EXPORT.finditer(text))
        text = _EXPORT.sub(r"\1", _IMPORT.sub(r"const { \1 } = \2_js;", text))
        if re.search(r"^(import|export)\b", text, re.MULTILINE):
            raise ValueError(f"{name}: expected named imports and exports of declarations alone")
        stem = name.removesuffix(".js")
        modules[name] = f"const {stem}_js = (() => {{\n{text}return {{ {exports} }};\n}})();\n"

    add(entry)
    return "".join(modules.values())


def json_for_html(value: object) -> str:
    """Write JSON that can stand inside a script element: without `<`, `>` and `&`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _asset(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _policy(script: str, style: str) -> str:
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "media-src blob:; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

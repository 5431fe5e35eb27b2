"""The measured part of docs/voices.md: all tables, between two marks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measure.kit import ROOT
from measure.voice_measuring import tables
from measure.voice_measuring.hearing import Hearing

PAGE = ROOT / "docs" / "voices.md"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"
NAMED_AT = (0.35, 0.45, 0.55, 0.65)

_TEXT = """\
Written by `python scripts/measure/measure_voices.py --docs`; do not edit this part. {date}, commit
{commit}; {machine}; speaker network {network}.

{n_recordings} recordings of {n_sets} sets ({sets}). People are enrolled as `enroll.py` does it,
with what they say alone according to the reference; they are looked for in what the service finds
by itself, each found speaker being the person with whom most of the time is shared. *Another
recording*: enrolled from a whole recording, looked for in all others; few people of these sets
talk in more than one. *The other half*: enrolled from the first half of a recording, looked for
in its second half, which gives more people but the same microphone and day, so it is the easier
one. An impostor trial is a voice against another person's.

{conditions}
Threshold against errors, enrolled with {shown:g} s:

{thresholds}
How long a person must talk to be found, enrolled with {shown:g} s, at {threshold:g}:

{found}
All of it together, as `--voices` does it: in every recording everybody who was enrolled with
{shown:g} s of another one is looked for, one to one. Counted are speakers:

{names}
A name with several recordings, {shown:g} s each:

{several}
`--link_speakers` at {threshold:g}, in each set as one run; where names are of one recording only,
two people of two recordings may be one, and their pairs are not counted:

{links}
What `enroll.py` refuses:

{checks}"""


def measured_text(
    hearing: Hearing, enrol_s: Sequence[float], threshold: float, origin: dict[str, Any]
) -> str:
    """Write the tables and how to read them."""
    shown = enrol_s[min(1, len(enrol_s) - 1)]
    sets = dict.fromkeys(excerpt.set_name for excerpt, _, _ in hearing.talks)
    machine = origin["machine"]
    return _TEXT.format(
        date=origin["date"][:10],
        commit=(origin["git"]["commit"] or "unknown")[:12],
        machine=f"{machine['cpu'] or 'unknown processor'}, {machine['n_cores']} cores, no GPU used",
        network=next((each.network for _, each, _ in hearing.talks), "unknown"),
        n_recordings=len(hearing.talks),
        n_sets=len(sets),
        sets=", ".join(sets),
        conditions=tables.condition_table(hearing, enrol_s, threshold),
        thresholds=tables.threshold_table(hearing, shown),
        found=tables.found_table(hearing, shown, threshold),
        names=tables.name_table(hearing, shown, NAMED_AT),
        several=tables.several_table(hearing, shown) or "No name has several recordings here.\n",
        links=tables.link_table(hearing, threshold),
        checks=tables.check_table(hearing),
        shown=shown,
        threshold=threshold,
    )


def put_into(page: Path, text: str) -> None:
    """Replace what stands between the marks; ValueError where they are missing."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no lines {BEGIN.strip()!r} and {END.strip()!r}")
    page.write_text(f"{before}{BEGIN}{text}{END}{after}", encoding="utf-8")

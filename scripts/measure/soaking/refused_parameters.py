"""Good recordings with request parameters that cannot be."""

from collections.abc import Iterator

from measure.soaking.case import Case, by_file
from measure.soaking.files import encoded, in_channels
from measure.soaking.verdicts import Refused

MORE_THAN_SEPARATE = 65


def refused_parameters() -> Iterator[Case]:
    """All of them."""
    yield from _recording_ids()
    for value in (0, -1, 10**9, "two", 2.0, True):
        yield _case(f"num_speakers {value!r}", "'num_speakers': got", num_speakers=value)
    yield _case(
        "min_speakers above max_speakers",
        "got min_speakers 3 > max_speakers 2",
        min_speakers=3,
        max_speakers=2,
    )
    yield _case(
        "num_speakers above max_speakers", "'num_speakers': got", num_speakers=5, max_speakers=2
    )
    yield _case("unknown parameter", "'speakers' is unknown", speakers=2)
    yield _case("unknown mode", "'mode': got", mode="fast")
    yield _case("exclusive that is text", "'exclusive': got", exclusive="yes")
    yield _case("unknown choice of channels", "'channels': got", channels="left")
    yield by_file(
        "parameters", f"{MORE_THAN_SEPARATE} separate channels",
        lambda speech: encoded(in_channels(speech[:1], MORE_THAN_SEPARATE)),
        Refused(("'channels': got 'separate'",)), channels="separate",
    )  # fmt: skip


def _recording_ids() -> Iterator[Case]:
    ids: dict[str, str | int] = {
        "with a space": "two words",
        "with a line feed": "two\nlines",
        "of 10 kB": "x" * 10_000,
        "empty": "",
        "that climbs out of a folder": "../../etc/passwd",
        "with a control character": "a\x07b",
        "that is a number": 7,
    }
    for name, value in ids.items():
        yield _case(f"recording_id {name}", "'recording_id': got", recording_id=value)


def _case(name: str, naming: str, **parameters: str | bool | int | float) -> Case:
    return by_file("parameters", name, encoded, Refused((naming,)), **parameters)

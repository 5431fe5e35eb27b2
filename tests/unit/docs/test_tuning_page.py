"""docs/tuning.md lists every option with its default, and recommends what is possible."""

import re
from pathlib import Path

from diarization.options import Options, option_names, parse_options

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "tuning.md").read_text()
DEFAULTS = Options()


def rows():
    """Options of the table, each with its default as text; `.name` is of the same section."""
    table = PAGE.partition("\n| option | default | |\n")[2]
    for names, defaults in re.findall(r"^\| (`.*?`) \| (.*?) \|", table, re.M):
        section = names.strip("`").partition(".")[0]
        keys = [
            name if name[0] != "." else section + name for name in re.findall(r"`(.*?)`", names)
        ]
        yield from zip(keys, defaults.replace("`", "").split(", "), strict=True)


def test_every_option_is_in_the_table_once():
    assert sorted(key for key, _ in rows()) == sorted(option_names())


def test_the_table_shows_the_defaults():
    shown = dict(rows())
    parsed = parse_options(shown)

    assert parsed == DEFAULTS


def test_every_value_that_is_recommended_is_possible():
    named = re.findall(r"`([a-z]+\.[a-z_]+)=([\d.]+)`", PAGE)

    assert len(named) > 3
    for key, value in named:
        assert parse_options({key: value}) != DEFAULTS


def test_every_option_that_is_mentioned_exists():
    mentioned = re.findall(
        r"`(?:--option )?((?:sad|frames|cluster|calls|limits|window)\.[a-z_]+)", PAGE
    )

    assert set(mentioned) <= set(option_names())

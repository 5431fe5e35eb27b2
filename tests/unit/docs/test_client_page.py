"""docs/client.md lists every flag of the client with its default, and the exit codes."""

import re
from pathlib import Path

import client
from console.options import DEFAULT_URL, client_parser

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "client.md").read_text()


def rows():
    """Flags of the table, each with its default as text."""
    for names, default in re.findall(r"^\| (`-.*?) \| (.*?) ?\|", PAGE, re.M):
        for flag in re.findall(r"`(-+\w+)`", names):
            yield flag, default.replace("`", "")


def flags():
    """Flags of the parser, each with its default as the page writes it."""
    for action in client_parser()._actions:
        for flag in action.option_strings:
            yield flag, shown(action)


def shown(action):
    if action.dest == "url":
        return f"$DIARIZATION_URL, else {DEFAULT_URL}"
    if action.dest == "format":
        return "rttm"
    return f"{action.default:g}" if isinstance(action.default, float) else str(action.default or "")


def test_every_flag_is_in_the_table_once_with_its_default():
    expected = {flag: default for flag, default in flags() if flag not in ("-h", "--help")}
    listed = list(rows())

    assert sorted(flag for flag, _ in listed) == sorted(expected)
    assert {flag: said for flag, said in listed if expected[flag]} == {
        flag: default for flag, default in expected.items() if default
    }


def test_the_exit_codes_are_listed():
    codes = re.findall(r"^\| (\d+) \|", PAGE, re.M)

    assert [int(code) for code in codes] == [
        client.OK,
        client.SOME_FAILED,
        client.USAGE,
        client.INTERRUPTED,
    ]

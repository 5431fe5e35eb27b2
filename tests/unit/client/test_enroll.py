"""The command line of enroll.py."""

import re
import shlex

import pytest

from enroll import EPILOG, parse_options


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "one of the arguments --name --list --remove is required"),
        (["--nmae=Ana", "a.wav"], "unrecognized arguments: --nmae=Ana"),
        (["--name=Ana"], "--name needs recordings of that person, got none"),
        (["--list", "a.wav"], "go with --name"),
        (["--remove=Ana", "--force"], "go with --name"),
        (["--name=VOICE_001", "a.wav"], "got name 'VOICE_001', which is reserved"),
        (["--name= ", "a.wav"], "got an empty name"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(arguments, words, capsys):
    with pytest.raises(SystemExit) as caught:
        parse_options(arguments)

    assert caught.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("example", re.findall(r"^  enroll\.py (.*?)(?:  .*)?$", EPILOG, re.M))
def test_the_examples_of_help_are_understood(example):
    options = parse_options(shlex.split(example))

    assert options.list or options.remove == "Ana" or options.name in ("Ana", "Ana_María")


def test_no_line_of_help_is_longer_than_100_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        parse_options(["--help"])

    lines = capsys.readouterr().out.splitlines()
    assert "examples:" in lines
    assert max(map(len, lines)) <= 100

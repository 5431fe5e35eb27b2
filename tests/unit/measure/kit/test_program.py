import argparse
from pathlib import Path

import pytest

from inputs.recordings import ListError
from measure.kit.program import FAILED, INTERRUPTED, OK, USAGE, reported_options, run_program


def fail(error):
    def step(*_):
        raise error

    return step


@pytest.mark.parametrize(
    ("prepare", "measure", "exit_code", "words"),
    [
        (str, lambda _: OK, OK, ""),
        (fail(ListError(["line 1", "line 2"])), str, USAGE, "ERROR: line 1\nERROR: line 2\n"),
        (str, fail(LookupError("no score")), FAILED, "ERROR: no score\n"),
        (str, fail(KeyboardInterrupt), INTERRUPTED, "ERROR: interrupted: nothing was written\n"),
    ],
)
def test_the_exit_code_says_which_step_failed(prepare, measure, exit_code, words, capsys):
    assert run_program(prepare, measure, LookupError) == exit_code
    assert capsys.readouterr().err == words


def test_an_unknown_error_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        run_program(fail(ZeroDivisionError()), str, LookupError)


def test_options_in_a_report_are_plain_values():
    options = argparse.Namespace(root=Path("a"), dirs=[Path("b")], jobs=4, output=Path("c"))

    assert reported_options(options, ["output"]) == {"root": "a", "dirs": ["b"], "jobs": 4}

from pathlib import Path

import pytest

from measure.evaluate import parsed_options


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        parsed_options(arguments, {})
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_the_environment_sets_the_default_root():
    environment = {"DIARIZATION_EVAL_DIR": "audio"}

    assert parsed_options([], environment).root == Path("audio")
    assert parsed_options(["--root", "own"], environment).root == Path("own")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "are required: --root"),
        (["--root", "x", "--jobs", "0"], "at least 1"),
        (["--root", "x", "--option", "frames.speech"], "expected KEY=VALUE, got 'frames.speech'"),
        (["--root", "x", "--option", "a=1", "--url", "y:1"], "--option is for a server started"),
        (["--root", "x", "--worst", "-1"], "at least 0"),
        (["--root", "x", "--timeout", "nan"], "seconds above 0"),
    ],
)
def test_wrong_usage_is_reported_in_one_sentence(arguments, words, capsys):
    assert words in refused(capsys, *arguments)

import sys
from pathlib import Path

import pytest

import client
from console.options import parse_options


def test_the_defaults_are_those_of_the_service():
    options = parse_options(["--audio_file", "a.wav"])

    assert (options.url, options.model_name) == ("localhost:8001", "run")
    assert (options.jobs, options.timeout) == (4, 3600.0)
    assert options.num_speakers is None
    assert (options.retry_for, options.resume) == (120.0, False)
    assert (options.header, options.ssl) == ([], False)


def test_upstreams_line_is_understood_as_typed():
    options = parse_options(
        [
            "--url=localhost:8001",
            "--wavscp=d/wav.scp",
            "--output_directory=out",
            "--data_dir=d",
            "-v",
        ]
    )

    assert options.wavscp == Path("d/wav.scp")
    assert options.output_directory == Path("out")
    assert options.verbose


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--audio_file --wavscp is required"),
        (["--audio_fil", "a"], "unrecognized arguments: --audio_fil a"),
        (["--audio_file", ""], "argument --audio_file: expected a name, got ''"),
        (["--audio_file", "a", "--output_directory", ""], "expected a name, got ''"),
        (["--audio_file", "a", "--wavscp", "b"], "not allowed with"),
        (["--audio_file", "a", "--jobs", "0"], "whole number of at least 1, got '0'"),
        (["--audio_file", "a", "--num_speakers", "2.5"], "got '2.5'"),
        (["--audio_file", "a", "--num_speakers", "²"], "got '²'"),
        (["--audio_file", "a", "--channels", "left"], "invalid choice: 'left'"),
        (["--audio_file", "a", "--timeout", "0"], "seconds above 0 and at most 1e+06, got '0'"),
        (["--audio_file", "a", "--timeout", "nan"], "got 'nan'"),
        (["--audio_file", "a", "--timeout", "soon"], "got 'soon'"),
        (["--audio_file", "a", "--retry_for", "-1"], "seconds from 0 to 1e+06, got '-1'"),
        (["--audio_file", "a", "--retry_for", "nan"], "got 'nan'"),
        (["--audio_file", "a", "--resume"], "--resume needs --output_directory"),
        (["--audio_file", "a", "--min_speakers", "3", "--max_speakers", "2"], "got 3 and 2"),
        (["--audio_file", "a", "--num_speakers", "5", "--max_speakers", "4"], "got 5 and 4"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(arguments, words, capsys):
    with pytest.raises(SystemExit) as caught:
        parse_options(arguments)

    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_help_tells_the_exit_codes(capsys):
    with pytest.raises(SystemExit) as caught:
        client.main(["--help"])

    assert caught.value.code == 0
    assert "exit codes:" in capsys.readouterr().out


def test_module_names_hide_nothing_of_pythons_own():
    modules = {path.stem for path in Path(client.__file__).parent.glob("*.py")}

    assert modules & set(sys.stdlib_module_names) == set()


def test_help_tells_what_resume_makes_again(capsys):
    with pytest.raises(SystemExit):
        client.main(["--help"])

    told = " ".join(capsys.readouterr().out.split())
    assert "is cut or changed, or of another making, is made again, and that is" in told

import sys
from pathlib import Path

import pytest

import client
from console.options import parse_options


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
        ([], "--audio_file --wavscp --stream is required"),
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
        (["--audio_file", "a", "--recording_id", "a b"], "expected no white space"),
        (["--wavscp", "a", "--recording_id", "a"], "--wavscp has ids itself"),
        (
            ["--audio_file", "a", "--format=rttm,jsn"],
            "argument --format: expected some of rttm, json, srt, vtt, textgrid, audacity, csv, "
            "uem, separated by commas, got 'jsn'",
        ),
        (["--audio_file", "a", "--format="], "got ''"),
        (["--audio_file", "a", "--format=JSON"], "got 'JSON'"),
        (
            ["--audio_file", "a", "--format=srt,vtt"],
            "standard output takes one format, got --format srt,vtt: expected one, or "
            "--output_directory",
        ),
        (
            ["--wavscp", "a", "--format=srt"],
            "takes a list of recordings as rttm, json, uem, got --format srt",
        ),
        (
            ["--audio_file", "a", "--json", "--format=json,srt"],
            "got --format json,srt too: expected --output_directory",
        ),
        (["--audio_file", "a", "--report"], "--report needs --output_directory, where the pages"),
        (["--audio_file", "a", "--link_speakers"], "--link_speakers needs --output_directory"),
        (
            ["--audio_file", "a", "--link_speakers", "--output_directory=out", "--json"],
            "names voices after all recordings, and --json",
        ),
        (
            ["--stream", "a", "--wavscp", "b"],
            "argument --wavscp: not allowed with argument --stream",
        ),
        (["--stream", "a", "--resume", "--output_directory=o"], "--stream takes no --resume"),
        (["--stream", "a", "--report", "--output_directory=o"], "--stream takes no --report"),
        (["--stream", "a", "--dry_run"], "--stream takes no --dry_run"),
        (["--stream", "a", "--link_speakers", "--output_directory=o"], "takes no --link_speakers"),
        (["--stream", "a", "--mode=classic"], "takes only --mode full and --channels mix"),
        (["--stream", "a", "--channels=first"], "takes only --mode full and --channels mix"),
        (["--stream", "a", "--latency=3"], "invalid choice: '3'"),
        (["--stream", "a", "--pace=-1"], "expected a number of at least 0, got '-1'"),
        (["--stream", "-", "--pace=2"], "got --pace, expected it with a file in --stream only"),
        (["--stream", "mic", "--pace=2"], "got --pace, expected it with a file in --stream only"),
        (["--stream", "a", "--stream_rate=8000"], "expected it with --stream - only"),
        (["--stream", "-", "--stream_rate=1"], "a rate from 1000 to 768000 Hz, got '1'"),
        (["--audio_file", "a", "--latency=1"], "got --latency, expected it with --stream only"),
        (["--stream", "a", "--format=srt,vtt"], "standard output takes one format"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(arguments, words, capsys):
    with pytest.raises(SystemExit) as caught:
        parse_options(arguments)

    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_live_audio_goes_to_its_own_model():
    assert parse_options(["--audio_file", "a"]).model_name == "run"
    assert parse_options(["--stream", "a", "--mode=full"]).model_name == "stream"
    assert parse_options(["--stream", "a", "--model_name=other"]).model_name == "other"


def test_module_names_do_not_shadow_the_standard_library():
    modules = {path.stem for path in Path(client.__file__).parent.glob("*.py")}

    assert modules & set(sys.stdlib_module_names) == set()

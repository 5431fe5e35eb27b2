from pathlib import Path

import pytest

from measure.evaluation.command_line import parsed_options
from measure.evaluation.provenance import cpu_model, md_eval_version, provenance
from scoring.md_eval import find_md_eval


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        parsed_options(arguments, {})
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_the_environment_names_the_root_where_nothing_is_given():
    environment = {"DIARIZATION_EVAL_DIR": "audio"}

    assert parsed_options([], environment).root == Path("audio")
    assert parsed_options(["--root", "own"], environment).root == Path("own")
    assert parsed_options(["--audio_dir", "a", "b"], environment).root is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "expected --root, --audio_dir or --wavscp"),
        (["--wavscp", "x"], "--wavscp needs --reference"),
        (["--root", "x", "--audio_dir", "y"], "not allowed with"),
        (["--root", "x", "--data_dir", "y"], "--data_dir is for the paths in --wavscp"),
        (["--root", "x", "--jobs", "0"], "at least 1"),
        (["--root", "x", "--option", "frames.speech"], "expected KEY=VALUE, got 'frames.speech'"),
        (["--root", "x", "--option", "a=1", "--url", "y:1"], "--option is for a server started"),
        (["--root", "x", "--worst", "-1"], "at least 0"),
        (["--root", "x", "--timeout", "nan"], "seconds above 0"),
    ],
)
def test_wrong_usage_is_one_sentence(arguments, words, capsys):
    assert words in refused(capsys, *arguments)


def test_the_origin_of_figures_is_told():
    told = provenance(find_md_eval(None))

    assert told["machine"]["n_cores"] >= 1
    assert told["versions"]["numpy"].startswith("1.26")
    assert told["versions"]["md-eval"] == "22"
    assert told["date"].endswith("+00:00")


def test_what_cannot_be_found_out_is_none(tmp_path):
    assert cpu_model(tmp_path / "absent") is None
    assert md_eval_version(tmp_path / "absent") is None


def test_the_processor_is_named(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Fast One\nflags\t: x\n")

    assert cpu_model(tmp_path / "cpuinfo") == "Fast One"

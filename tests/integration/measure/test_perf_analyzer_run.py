"""perf_analyzer.py with a planted perf_analyzer: what is run, what becomes of its figures."""

import base64
import json
import sys

import numpy as np
import pytest
import soundfile
from tritonclient.utils import serialize_byte_tensor

from measure import perf_analyzer
from measure.load_testing import page, tool

PLANTED = """\
#!{python}
import json, os, pathlib, sys
words = sys.argv[1:]
call = {{name: os.environ[name] for name in ("LD_LIBRARY_PATH", "no_proxy")}}
with open("{calls}", "a") as calls:
    calls.write(json.dumps({{"words": words, **call}}) + "\\n")
if "-b" in words and words[words.index("-b") + 1] == "{failing_batch}":
    sys.exit("Failed to obtain\\nstable measurement.")
if "-f" in words:
    pathlib.Path(words[words.index("-f") + 1]).write_text('''{table}''')
print("*** Settings ***\\n\\nRequest concurrency: 4\\n  planted report")
"""
ROW = {
    "Concurrency": 4, "Inferences/Second": 2.5,
    "Client Send": 100, "Network+Server Send/Recv": 200, "Server Queue": 3000,
    "Server Compute Input": 10, "Server Compute Infer": 20000, "Server Compute Output": 90,
    "Client Recv": 200,
    "p50 latency": 23500, "p90 latency": 30000, "p95 latency": 40000, "p99 latency": 50000,
}  # fmt: skip
TABLE = f"{','.join(ROW)}\n{','.join(map(str, ROW.values()))}\n"


@pytest.fixture
def plant(tmp_path, monkeypatch):
    """A function that plants the program and returns how to read its calls."""
    libraries = tmp_path / "nvidia_pytriton.libs"
    libraries.mkdir()
    for name in ("libb64-98cb.so.0d", "libcudart-0952.so.12.6.77"):
        (libraries / name).write_text(name)
    audio = tmp_path / "talk.wav"
    soundfile.write(audio, np.zeros(32_000), 16_000)
    monkeypatch.setattr(tool, "PYTRITON_LIBRARIES", libraries)
    monkeypatch.setattr(page, "ROOT", tmp_path)
    for module in (tool, page):
        monkeypatch.setattr(module, "PROGRAM", tmp_path / "perf_analyzer")
        monkeypatch.setattr(module, "LIBRARIES", tmp_path / "lib")
    for module in (tool, page, perf_analyzer):
        monkeypatch.setattr(module, "INPUT", tmp_path / "input.json")
    monkeypatch.setattr(perf_analyzer, "PAGE", tmp_path / "docs" / "perf_analyzer.md")
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    monkeypatch.setenv("no_proxy", "intranet")

    def planted(failing_batch=""):
        calls = tmp_path / "calls"
        program = PLANTED.format(
            python=sys.executable, calls=calls, failing_batch=failing_batch, table=TABLE
        )
        tool.PROGRAM.write_text(program)
        tool.PROGRAM.chmod(0o755)
        return lambda: [json.loads(line) for line in calls.read_text().splitlines()]

    return planted


def run(tmp_path, *words):
    return perf_analyzer.main([f"--audio_file={tmp_path / 'talk.wav'}", *words])


def test_one_model_is_measured_with_the_flags_given(plant, tmp_path, capfd):
    calls = plant()

    assert run(tmp_path, "-u", "there:9", "speaker_model", "-b", "64", "-u", "here:1") == 0

    (call,) = calls()
    assert call["words"] == [
        "-m", "speaker_model", "-i", "grpc", "-u", "there:9", "--percentile=95",
        "--shape", "feats:98,80", "-b", "64", "-u", "here:1",
    ]  # fmt: skip
    assert call["no_proxy"] == "intranet,localhost,127.0.0.1"
    out, err = capfd.readouterr()
    assert "planted report" in out
    assert err.startswith("+ perf_analyzer -m speaker_model")


def test_libraries_get_the_names_that_the_program_asks_for(plant, tmp_path):
    calls = plant()

    run(tmp_path, "speaker_model")
    run(tmp_path, "speaker_model")  # the links are there already

    assert calls()[1]["LD_LIBRARY_PATH"] == str(tmp_path / "lib")
    names = {path.name: path.read_text() for path in (tmp_path / "lib").iterdir()}
    assert names == {
        "libb64.so.0d": "libb64-98cb.so.0d",
        "libcudart.so.12": "libcudart-0952.so.12.6.77",
    }


@pytest.mark.parametrize(
    ("model", "flag"),
    [("speaker_model", "--shape=feats:148,80"), ("run", "--input-data=own.json")],
)
def test_input_that_is_given_is_the_only_one(plant, tmp_path, model, flag):
    calls = plant()

    run(tmp_path, model, flag)

    (call,) = calls()
    assert [word for word in call["words"] if word.startswith(("--shape", "--input"))] == [flag]


def test_a_model_without_dynamic_shape_needs_nothing(plant, tmp_path):
    calls = plant()

    run(tmp_path, "segmentation", "-b", "8")

    assert calls()[0]["words"][-3:] == ["--percentile=95", "-b", "8"]


def test_run_is_sent_the_recording_as_triton_serializes_strings(plant, tmp_path):
    calls = plant()

    run(tmp_path, "run")

    (call,) = calls()
    assert call["words"][-2:] == ["--input-data", str(tmp_path / "input.json")]
    (request,) = json.loads((tmp_path / "input.json").read_text())["data"]
    audio = np.array([(tmp_path / "talk.wav").read_bytes()], dtype=np.object_)
    tensor = base64.b64decode(request["AUDIO"]["content"]["b64"])
    assert tensor == serialize_byte_tensor(audio).item()


def test_the_page_has_a_row_for_every_load(plant, tmp_path):
    calls = plant()

    assert run(tmp_path, "--docs") == 0

    text = (tmp_path / "docs" / "perf_analyzer.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    times = ["23.5", "40.0", "3.0", "20.1", "0.5"]
    speaker = [row[:3] for row in rows if len(row) == 9 and row[4:] == times]
    assert speaker == [
        [frames, batch, concurrency]
        for frames in ("98", "148")
        for batch in ("1", "16", "64")
        for concurrency in ("1", "2")
    ]
    assert [row[:3] for row in rows if len(row) == 8 and row[3:] == times] == [
        [concurrency, "2.50", "5"] for concurrency in ("1", "2", "4", "8")
    ]
    assert "```\nRequest concurrency: 4\n  planted report\n```" in text
    assert "\nLD_LIBRARY_PATH=lib \\\n    perf_analyzer -m speaker_model " in text
    assert "--input-data /input/input.json" in text
    assert str(tmp_path) not in text
    assert {call["words"][1] for call in calls()} == {"speaker_model", "run"}
    assert "--request-parameter=mode:full:string" in calls()[-1]["words"]


def test_a_load_that_fails_is_told_and_nothing_is_written(plant, tmp_path, capfd):
    calls = plant(failing_batch="16")

    assert run(tmp_path, "--docs") == 1

    err = capfd.readouterr().err
    assert err.splitlines()[-1] == (
        "error: perf_analyzer speaker_model, concurrency 1: Failed to obtain stable measurement."
    )
    assert len(calls()) == 3
    assert not (tmp_path / "docs").exists()


def test_one_model_that_fails_is_a_failure(plant, tmp_path):
    plant(failing_batch="3")

    assert run(tmp_path, "speaker_model", "-b", "3") == 1


def test_what_is_missing_is_one_sentence(plant, tmp_path, capfd):
    plant()
    assert perf_analyzer.main(["--audio_file=absent.wav", "run"]) == 1
    assert "error: cannot read absent.wav: No such file" in capfd.readouterr().err

    (tmp_path / "nvidia_pytriton.libs" / "libb64-98cb.so.0d").unlink()
    assert run(tmp_path, "speaker_model") == 1
    assert "libb64-*.so.0d; run ./scripts/setup.sh" in capfd.readouterr().err

    tool.PROGRAM.unlink()
    assert run(tmp_path, "speaker_model") == 1
    assert "perf_analyzer is missing; run ./scripts/setup.sh" in capfd.readouterr().err


def test_the_page_is_of_all_models(plant, tmp_path, capfd):
    with pytest.raises(SystemExit, match="2"):
        run(tmp_path, "--docs", "run")
    assert "leave MODEL out" in capfd.readouterr().err

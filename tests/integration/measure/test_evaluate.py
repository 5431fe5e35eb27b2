"""evaluate.py against a server that speaks Triton's gRPC protocol: requests, files, exit codes."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from integration import client_fake_server
from integration.client_fake_server import FakeTriton, RefusalError
from integration.model_contract import read_config
from measure import evaluate
from server.triton_server import MODEL_REPOSITORY, ServerError
from unit.evaluation_cases import rttm

TRUTH = {
    "calls/a": [(0, 10, "anna"), (10, 20, "ben")],
    "calls/b": [(0, 20, "cleo")],
    "talks/c": [(0, 8, "dora"), (8, 10, "emil")],
}
ANSWERS = {
    "a": [(0, 10, "SPEAKER_00"), (10, 20, "SPEAKER_01")],  # right
    "b": [(0, 10, "SPEAKER_00")],  # half of it missed
    "c": [(0, 10, "SPEAKER_00")],  # one speaker for two: 20 % confusion
    "hum": [(0, 3, "SPEAKER_00")],  # 3 of 30 s
}


@pytest.fixture(autouse=True)
def no_folder_in_the_environment(monkeypatch):
    monkeypatch.delenv("DIARIZATION_EVAL_DIR", raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")


@pytest.fixture
def triton():
    with FakeTriton(answer) as server:
        yield server


def answer(call):
    info = {"audio_s": 30.0, "mode": "classic", "stage_s": {"sad": 1.5, "total": 3.0}}
    text = rttm(call.recording_id, *ANSWERS[call.recording_id])
    return {"RTTM": text, "INFO": json.dumps(info)}


@pytest.fixture
def root(tmp_path):
    """Three sets: calls (a, b), talks (c), and noise (hum), which holds no speech."""
    root = tmp_path / "audio"
    for place in [*TRUTH, "noise/hum"]:
        path = root / f"{place}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros(160, dtype=np.int16), 16_000)
        if place in TRUTH:
            path.with_suffix(".rttm").write_text(rttm(path.stem, *TRUTH[place]))
    return root


def run(server, *arguments):
    return evaluate.main(["--url", server.url, *map(str, arguments)])


def report_in(folder):
    return json.loads((folder / "evaluation.json").read_text())


def ders(scores):
    return [round(score["der"], 2) for score in scores]


def test_sets_are_pooled_and_the_headline_is_their_mean(triton, root, tmp_path, capfd):
    code = run(triton, "--root", root, "--output", tmp_path / "out")

    report = report_in(tmp_path / "out")
    by_name = {each["name"]: each for each in report["sets"]}
    assert code == 0
    assert list(by_name) == ["calls", "noise", "talks"]
    assert ders(by_name["calls"]["scores"])[1] == 25.0
    assert ders(by_name["talks"]["scores"])[1] == 20.0
    assert ders(report["mean"]["scores"])[1] == 22.5
    assert by_name["noise"]["scores"] == []
    assert by_name["noise"]["false_speech_percent"] == 10.0
    assert "/ 22.50 % at collar 0.25 / 0 s" in capfd.readouterr().out.splitlines()[-1]


def test_the_report_holds_counts_speed_and_origin(triton, root, tmp_path):
    run(triton, "--root", root, "--output", tmp_path / "out", "--jobs", 2)

    report = report_in(tmp_path / "out")
    calls, _, talks = report["sets"]
    assert calls["speaker_counts"] == {"exact": 2, "within_one": 2}
    assert talks["speaker_counts"] == {"exact": 0, "within_one": 1}
    assert calls["stage_s"] == {"sad": 3.0, "total": 6.0}
    assert calls["audio_s"] == 60.0
    assert calls["wall_s"] > 0
    assert calls["recordings"][0]["info"]["mode"] == "classic"
    assert report["options"]["jobs"] == 2
    assert {"date", "git", "machine", "versions"} <= set(report)


def test_the_folder_gets_markdown_rttm_and_pictures_of_the_worst(triton, root, tmp_path, capfd):
    out = tmp_path / "out"

    run(triton, "--root", root, "--output", out, "--worst", 2)

    assert (out / "evaluation.md").read_text() in capfd.readouterr().out
    assert (out / "rttm" / "talks" / "rttm_c").read_text() == rttm("c", *ANSWERS["c"])
    pictures = sorted(path.name for path in (out / "timelines").iterdir())
    assert pictures == ["01_calls_b.png", "02_talks_c.png"]
    assert (out / "timelines" / pictures[0]).read_bytes().startswith(b"\x89PNG")


def test_pictures_of_an_earlier_run_are_removed(triton, root, tmp_path):
    run(triton, "--root", root, "--output", tmp_path / "out", "--worst", 3)
    run(triton, "--root", root, "--output", tmp_path / "out", "--worst", 1)

    assert [path.name for path in (tmp_path / "out" / "timelines").iterdir()] == ["01_calls_b.png"]


def test_the_mode_is_a_request_parameter(triton, root, monkeypatch):
    allowed = client_fake_server.ALLOWED_PARAMETERS | {"mode"}
    monkeypatch.setattr(client_fake_server, "ALLOWED_PARAMETERS", allowed)

    code = run(triton, "--root", root, "--mode", "classic")

    assert code == 0
    assert triton.calls[0].parameters == {"mode": "classic"}


def test_the_true_number_of_speakers_is_sent_on_request(triton, root):
    run(triton, "--root", root, "--num_speakers_from_reference")

    sent = {call.recording_id: call.parameters for call in triton.calls}
    assert sent == {
        "a": {"num_speakers": 2}, "b": {"num_speakers": 1}, "c": {"num_speakers": 2}, "hum": {},
    }  # fmt: skip


def test_a_recording_without_reference_is_left_out_with_a_warning(triton, root, capfd):
    (root / "calls" / "b.rttm").unlink()

    code = run(triton, "--root", root)

    out, err = capfd.readouterr()
    assert code == 0
    assert "b" not in triton.ids
    assert "WARNING: set calls: left out, without a reference: b" in err
    assert "Left out of calls, without a reference: b." in out


def test_changes_since_an_earlier_run_are_reported(triton, root, tmp_path, monkeypatch, capfd):
    run(triton, "--root", root, "--output", tmp_path / "old")
    monkeypatch.setitem(ANSWERS, "b", [(0, 20, "SPEAKER_00")])
    monkeypatch.setitem(ANSWERS, "hum", [(0, 6, "SPEAKER_00")])
    capfd.readouterr()

    old = tmp_path / "old" / "evaluation.json"
    code = run(triton, "--root", root, "--compare", old, "--output", tmp_path / "new")

    out = capfd.readouterr().out
    assert code == 0
    assert "- calls b: DER % at 0 s 50 -> 0 (-50, better)" in out
    assert "- calls: DER % at 0 s 25 -> 0 (-25, better)" in out
    assert "- mean: DER % at 0 s 22.5 -> 10 (-12.5, better)" in out
    assert "- noise hum: false speech % 10 -> 20 (+10, worse)" in out
    assert "## Changes since" in (tmp_path / "new" / "evaluation.md").read_text()


def test_a_refused_recording_counts_as_missed_and_makes_the_exit_code_1(
    triton, root, tmp_path, capfd
):
    def reply(call):
        if call.recording_id == "a":
            raise RefusalError("AUDIO: got silence, expected talk")
        return answer(call)

    triton.reply = reply

    code = run(triton, "--root", root, "--output", tmp_path / "out")

    out, err = capfd.readouterr()
    calls, *_ = report_in(tmp_path / "out")["sets"]
    assert code == 1
    assert "ERROR: a: AUDIO: got silence, expected talk" in err
    assert ders(calls["scores"])[1] == 75.0
    assert calls["recordings"][0]["failure"] == "AUDIO: got silence, expected talk"
    assert "calls a (failed)" in out
    assert not (tmp_path / "out" / "rttm" / "calls" / "rttm_a").exists()


def test_an_unreachable_server_is_reported(root, capfd):
    code = evaluate.main(["--url", "127.0.0.1:1", "--root", str(root)])

    err = capfd.readouterr().err
    assert code == 1
    assert err.startswith("ERROR: no Triton server answers gRPC at 127.0.0.1:1")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--root", "absent"], "there is no folder absent"),
        (["--root", "{root}/calls"], "no sub-folder of"),
        (["--root", "{root}", "--compare", "absent.json"], "cannot read absent.json"),
        (
            ["--root", "{root}", "--output", "{root}/calls/a.wav"],
            "cannot write to output directory",
        ),
    ],
)
def test_bad_input_is_reported_and_nothing_is_sent(arguments, words, triton, root, capfd):
    code = run(triton, *(each.format(root=root) for each in arguments))

    err = capfd.readouterr().err
    assert code == 2
    assert words in err
    assert len(err.splitlines()) == 1
    assert triton.calls == []


def test_pictures_need_matplotlib(triton, root, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    arguments = ("--root", root, "--output", tmp_path / "out")

    assert run(triton, *arguments) == 2
    assert "timelines need matplotlib" in capfd.readouterr().err
    assert run(triton, *arguments, "--worst", 0) == 0


def test_a_server_that_cannot_start_is_reported(root, monkeypatch, tmp_path, capfd):
    monkeypatch.setattr("server.processes.LAUNCHER", tmp_path / "absent")
    (tmp_path / "perl").symlink_to(shutil.which("perl"))  # the scorer's, and no other launcher
    monkeypatch.setenv("PATH", str(tmp_path))

    code = evaluate.main(["--root", str(root)])

    assert code == 1
    assert "absent is missing; run ./scripts/setup.sh" in capfd.readouterr().err


def test_a_server_is_started_and_stopped(root, monkeypatch, capfd):
    seen = []

    class OwnServer(FakeTriton):
        def __init__(self, log, flags, client_models):
            super().__init__(answer)
            assert flags == [f"--model-repository={MODEL_REPOSITORY}"]
            seen.append(self)

        def __exit__(self, *error):
            super().__exit__(*error)
            seen.append("stopped")

    monkeypatch.setattr("measure.kit.own_server.TritonServer", OwnServer)

    code = evaluate.main(["--root", str(root)])

    assert code == 0
    assert len(seen[0].ids) == 4
    assert seen[1] == "stopped"


def test_options_of_the_service_are_set_in_a_copy_of_its_models(root, monkeypatch, capfd):
    seen = {}

    class Unstartable:
        def __init__(self, log, flags, client_models):
            (repository,) = (flag.partition("=")[2] for flag in flags)
            seen["config"] = read_config(Path(repository, "run", "config.pbtxt"))
            seen["models"] = {path.name for path in Path(repository).iterdir()}

        def __enter__(self):
            raise ServerError("it was looked at")

        def __exit__(self, *_):
            raise AssertionError

    monkeypatch.setattr("measure.kit.own_server.TritonServer", Unstartable)
    tried = ["--option", "frames.chunk_hop_s=2.5", "--option", "window.analysis=povey"]
    assert evaluate.main(["--root", str(root), *tried]) == 1
    capfd.readouterr()

    set_there = {key: value.string_value for key, value in seen["config"].parameters.items()}
    assert set_there == {"frames.chunk_hop_s": "2.5", "window.analysis": "povey"}
    assert seen["models"] == {"run", "sad", "segmentation", "speaker_model", "stream"}
    assert not read_config(MODEL_REPOSITORY / "run" / "config.pbtxt").parameters


def test_help_names_no_path_of_this_machine(capsys):
    with pytest.raises(SystemExit) as ended:
        evaluate.main(["--help"])

    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert "DIARIZATION_EVAL_DIR" in text
    assert sys.prefix not in text

"""benchmark.py against a server that speaks Triton's gRPC protocol: requests, files, exit codes."""

import json
import shlex
import sys
from types import SimpleNamespace

import pytest

from integration.client_fake_server import FakeTriton, RefusalError
from measure import benchmark
from measure.benchmarking.floor import Floor
from server.triton_server import MODEL_REPOSITORY, ServerError

SHORT = ["--lengths", "1", "2", "--repeats", "2", "--clients", "1", "3", "--requests", "2",
         "--client_audio_s", "1"]  # fmt: skip


class OwnServer(FakeTriton):
    """Replaces TritonServer."""

    seen = SimpleNamespace()

    def __init__(self, log, flags, client_models):
        super().__init__(reply)
        self.flags = flags
        OwnServer.seen.server, OwnServer.seen.stopped = self, False

    def __exit__(self, *error):
        super().__exit__(*error)
        OwnServer.seen.stopped = True


class PlantedNets:
    def __init__(self, repository, options):
        assert repository == MODEL_REPOSITORY
        PlantedNets.window_s = options["frames.window_s"]

    def floor(self, mode, n_windows, n_chunks):
        return Floor(n_windows, n_chunks, 0.001, 0.002)


def reply(call):
    info = {
        "audio_s": 1.0,
        "n_windows": 7,
        "n_chunks": 5,
        "stage_s": {"sad": 0.001, "total": 0.002},
    }
    return {"RTTM": "", "INFO": json.dumps(info)}


@pytest.fixture(autouse=True)
def own_server(monkeypatch):
    monkeypatch.setattr("measure.kit.own_server.TritonServer", OwnServer)
    monkeypatch.setattr(benchmark, "NetsAlone", PlantedNets)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    return OwnServer.seen


def run(folder, *arguments):
    return benchmark.main(["--output", str(folder), *SHORT, *map(str, arguments)])


def test_everything_is_measured_reported_and_drawn(tmp_path, own_server, capfd):
    code = run(tmp_path)

    report = json.loads((tmp_path / "benchmark.json").read_text())
    assert code == 0
    assert own_server.stopped
    lengths = [(each["subject"], each["audio_s"], len(each["runs"])) for each in report["lengths"]]
    assert lengths == [
        ("classic", 1.0, 2), ("full", 1.0, 2), ("classic", 2.0, 2), ("full", 2.0, 2),
    ]  # fmt: skip
    assert report["lengths"][1]["runs"][0]["floor"]["n_chunks"] == 5
    assert [(each["mode"], len(each["latencies_s"])) for each in report["clients"]] == [
        ("classic", 1), ("full", 1), ("classic", 3), ("full", 3),
    ]  # fmt: skip
    assert (tmp_path / "benchmark.md").read_text() in capfd.readouterr().out
    pictures = sorted(path.name for path in tmp_path.glob("*.png"))
    assert pictures == ["memory.png", "stages.png", "time.png"]


def test_modes_take_turns_after_a_warm_up(tmp_path, own_server):
    run(tmp_path)

    modes = [call.parameters["mode"] for call in own_server.server.calls]
    assert modes[:10] == ["classic", "full"] * 5
    assert len(modes) == 10 + 2 * (1 + 3) * 2
    assert all(call.audio.startswith(b"fLaC") for call in own_server.server.calls)


def test_clients_have_recordings_of_their_own(tmp_path, own_server):
    run(tmp_path)

    by_id = {
        name: {call.audio for call in own_server.server.calls if call.recording_id == name}
        for name in ("client_0", "client_1", "client_2")
    }
    assert [len(sent) for sent in by_id.values()] == [1, 1, 1]
    assert len(set.union(*by_id.values())) == 3


def test_peers_are_run_on_the_same_audio(tmp_path, capfd):
    program = "import soundfile, sys; assert soundfile.info(sys.argv[1]).duration in (1, 2)"
    command = f"other={shlex.quote(sys.executable)} -c {shlex.quote(program)} {{audio}}"

    assert run(tmp_path, "--peer", command) == 0
    assert "| other" in capfd.readouterr().out


def test_peers_get_no_longer_recordings(tmp_path):
    assert run(tmp_path, "--peer", "other=: {audio}", "--peer_longest", "1") == 0

    lengths = json.loads((tmp_path / "benchmark.json").read_text())["lengths"]
    assert [each["audio_s"] for each in lengths if each["is_peer"]] == [1.0]


def test_failed_peer_is_reported_and_the_rest_is_written(tmp_path, capfd):
    code = run(tmp_path, "--peer", "other=exit 7 # {audio}")

    assert code == 1
    assert "ERROR: other, 1 s of audio: ended with status 7" in capfd.readouterr().err
    assert "## Failed" in (tmp_path / "benchmark.md").read_text()


def test_refused_recording_is_reported_and_the_rest_is_written(tmp_path, monkeypatch, capfd):
    answer = reply

    def refusing(call):
        if call.recording_id == "client_1":
            raise RefusalError("AUDIO: got silence, expected talk")
        return answer(call)

    monkeypatch.setattr(sys.modules[__name__], "reply", refusing)

    assert run(tmp_path) == 1
    refused = "full, 3 client(s): AUDIO: got silence, expected talk (2 times)"
    assert f"ERROR: {refused}" in capfd.readouterr().err
    assert refused in (tmp_path / "benchmark.md").read_text()


def test_the_page_of_the_project_names_its_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr("measure.kit.report.DOCS", tmp_path / "docs")

    assert run(tmp_path / "out", "--docs") == 0

    page = (tmp_path / "docs" / "benchmark.md").read_text()
    assert "![time](benchmark/time.png)" in page
    assert (tmp_path / "docs" / "benchmark" / "time.png").read_bytes().startswith(b"\x89PNG")
    assert str(tmp_path) not in page


def test_options_reach_server_and_floor(tmp_path, own_server):
    assert run(tmp_path, "--option", "frames.window_s=1.25", "--model_config", "gpu") == 0
    repository, config = own_server.server.flags
    assert repository != f"--model-repository={MODEL_REPOSITORY}"
    assert config == "--model-config-name=gpu"
    assert PlantedNets.window_s == 1.25


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--audio_dir", "absent"], "folder not found: absent"),
        (["--option", "calls.chunks=many"], "could not convert string to float: 'many'"),
    ],
)
def test_wrong_usage_is_reported_and_nothing_is_started(
    tmp_path, monkeypatch, arguments, words, capfd
):
    monkeypatch.setattr("measure.kit.own_server.TritonServer", None)

    code = run(tmp_path, *arguments)

    err = capfd.readouterr().err
    assert code == 2
    assert words in err
    assert len(err.splitlines()) == 1


def test_server_that_does_not_start_is_reported(tmp_path, monkeypatch, capfd):
    def unstartable(log, flags, client_models):
        raise ServerError("no server today")

    monkeypatch.setattr("measure.kit.own_server.TritonServer", unstartable)

    assert run(tmp_path) == 1
    assert "ERROR: no server today" in capfd.readouterr().err


def test_ctrl_c_stops_the_server_and_writes_nothing(tmp_path, own_server, monkeypatch, capfd):
    def interrupting(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(benchmark, "run_clients", interrupting)

    assert run(tmp_path) == 130
    assert own_server.stopped
    assert "interrupted: nothing was written" in capfd.readouterr().err
    assert not (tmp_path / "benchmark.json").exists()

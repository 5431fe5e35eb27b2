"""The client's inputs, lines of JSON, dry run and summary, with the real server."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import tritonclient.grpc as grpcclient

from e2e.calls import CLIENT, run_client
from pseudo_terminal import Terminal
from server.triton_server import ROOT

PAGE = ROOT / "docs" / "client.md"
SAME_TIME_S = 0.02

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def folder(sample, tmp_path_factory):
    """A folder of two recordings and something else."""
    folder = tmp_path_factory.mktemp("calls")
    shutil.copy(sample, folder / "monday.wav")
    shutil.copy(sample, folder / "tuesday.wav")
    (folder / "notes.txt").write_text("no audio")
    return folder


def times(document):
    return [time_s for turn in document["turns"] for time_s in (turn["start_s"], turn["end_s"])]


def test_a_folder_is_diarized_and_printed_line_by_line(server, folder, tmp_path):
    done = run_client(
        server, "--audio_file", folder, "--output_directory", tmp_path / "out", "--json"
    )

    assert done.returncode == 0, done.stderr
    documents = {each["recording_id"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert sorted(documents) == ["monday", "tuesday"]
    assert times(documents["monday"]) == pytest.approx(times(documents["tuesday"]), abs=SAME_TIME_S)
    assert {path.name for path in (tmp_path / "out").glob("[!.]*")} == {
        "rttm_monday",
        "rttm_tuesday",
        "rttm",
    }


def test_the_client_works_in_a_pipe(server, sample):
    script = (
        f"cat {sample} | {sys.executable} {CLIENT} --url={server.url} --audio_file - --json "
        f"| {sys.executable} -m json.tool --json-lines"
    )

    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )

    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["recording_id"], document["audio_s"]) == ("stdin", 30)
    assert len(document["speakers"]) == 2


def test_a_dry_run_sends_nothing_and_writes_nothing(server, folder, tmp_path):
    def n_requests():
        with grpcclient.InferenceServerClient(server.url) as client:
            (run,) = client.get_inference_statistics("run", as_json=True)["model_stats"]
        return run["inference_stats"]

    before = n_requests()

    done = run_client(
        server, "--audio_file", folder, "--output_directory", tmp_path / "out", "--dry_run"
    )

    assert done.returncode == 0, done.stderr
    assert "would send 2 of 2 recording(s), 0:01:00 of audio" in done.stderr
    assert f"the service at {server.url} is ready" in done.stderr
    assert n_requests() == before
    assert not (tmp_path / "out").exists()


def test_the_terminal_output_matches_the_docs(server, sample, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    with subprocess.Popen(
        [sys.executable, CLIENT, f"--url={server.url}", f"--audio_file={sample}"],
        stdout=subprocess.DEVNULL,
        stderr=terminal.end,
    ) as process:
        terminal.close_end()
        shown = terminal.show()
    terminal.close()

    assert process.returncode == 0
    page = re.search(r"^```\n(sample: .*?)^```$", PAGE.read_text(), re.M | re.S)[1]
    expected = [line.rstrip("█") for line in page.splitlines()]
    took = re.compile(r"took [\d.]+ s")
    lines = [took.sub("took", line.rstrip("█")) for line in shown.split("\r\n")[-4:-1]]
    assert lines[0].endswith(took.sub("took", expected[0]))
    assert lines[1:] == expected[1:]

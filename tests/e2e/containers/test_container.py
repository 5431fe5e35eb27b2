"""The commands of the images, in folders made by their COPY lines, with the real server."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest

from container_files import CLIENT, SERVER, replay, stages
from e2e.calls import diarize
from server.flags import Ports
from server.processes import alive, children
from server.triton_server import MODEL_REPOSITORY, ROOT

SERVING, (ASKING,) = stages(SERVER)[-1], stages(CLIENT)
NETWORKS = ("sad/1/silero_vad.jit", "segmentation/1/model.onnx", "speaker_model/1/model.onnx")
VARIANT = "only_run_has_it"
CLASSIC = 'parameters [ { key: "default.mode" value: { string_value: "classic" } } ]\n'

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """/workspace of the server's image, and a configuration by another name for `run` alone."""
    workspace = replay(SERVING, tmp_path_factory.mktemp("image") / "workspace")
    for network in NETWORKS:
        place = workspace / "model_repo" / network
        place.parent.mkdir(exist_ok=True)
        shutil.copy(MODEL_REPOSITORY / network, place)
    run = workspace / "model_repo" / "run"
    text = (run / "config.pbtxt").read_text()
    (run / "configs" / f"{VARIANT}.pbtxt").write_text(text + CLASSIC)
    return workspace


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    """A PATH with the embedded `tritonserver`, and a python3 that has none beside it."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "tritonserver").symlink_to(ROOT / ".venv" / "bin" / "tritonserver")
    (folder / "python3").symlink_to(Path(sys.base_prefix, "bin", "python3"))
    return folder


def contents(folder):
    """Files below a folder with their times, but for byte code, which Python 3.11's stub keeps."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path: path.stat().st_mtime_ns for path in files}


@pytest.fixture(scope="module")
def container(workspace, tools):
    """The server's entry, ready; `url` is its gRPC address, `before` its files at the start."""
    ports = Ports.free()
    flags = ports.flags()
    entry = workspace / Path(SERVING.command("ENTRYPOINT")[1]).relative_to("/workspace")
    before = contents(workspace)
    process = subprocess.Popen(
        [entry, *flags, f"--model-config-name={VARIANT}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={
            **os.environ,
            **SERVING.environment(),
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHONPATH": f"{workspace / 'scripts'}:{Path(grpc.__file__).parents[1]}",  # and pip's
        },
    )
    said = []
    try:
        while not said or not said[-1].startswith("ready: "):
            said.append(process.stdout.readline())
            assert said[-1], "".join(said)
        yield SimpleNamespace(
            process=process, ports=ports, url=f"127.0.0.1:{ports.grpc}", before=before
        )
    finally:
        process.kill()
        process.communicate()


def test_the_server_listens_on_all_interfaces(container):
    for port in vars(container.ports).values():  # at another address than the default one
        socket.create_connection(("127.0.0.2", port), timeout=10).close()


def test_a_named_configuration_applies_to_the_models_that_have_it(container, sample):
    assert diarize(container, sample.read_bytes()).info["mode"] == "classic"
    assert diarize(container, sample.read_bytes(), mode="full").info["mode"] == "full"


def test_the_clients_image_diarizes_and_scores(container, sample, tmp_path):
    image = replay(ASKING, tmp_path / "ws")
    os.chown(image / "client", os.getuid(), os.getgid())
    entry = image / Path(ASKING.command("ENTRYPOINT")[0]).relative_to("/ws")
    md_eval = ROOT / "external_tools" / "SCTK-2.4.12" / "src" / "md-eval" / "md-eval.pl"
    command = [entry, sys.executable, "client.py", f"--url={container.url}"]
    command += [f"--audio_file={sample}", f"--output_directory={tmp_path / 'output'}"]
    done = subprocess.run(
        [*command, f"--reference={sample.with_suffix('.rttm')}"],
        cwd=image / "client",
        env={**os.environ, **ASKING.environment(), "MD_EVAL": str(md_eval)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "DER " in done.stdout + done.stderr
    assert (tmp_path / "output" / "rttm").read_text().startswith("SPEAKER sample 1 ")


def test_the_container_stops_cleanly_and_writes_no_files(container, workspace):
    processes = children(container.process.pid)
    container.process.send_signal(signal.SIGTERM)
    assert container.process.wait() == 128 + signal.SIGTERM
    assert not alive(processes)
    assert contents(workspace) == container.before
    assert not (workspace / "model_repo" / "__pycache__").exists()

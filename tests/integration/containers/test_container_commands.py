"""The commands of the images, in folders made by their COPY lines, with a fake `tritonserver`."""

import os
import pty
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import grpc
import pytest

from container_files import CLIENT, SERVER, replay, stages
from integration.fake_launcher import write_launcher
from integration.model_loading import import_file
from server.triton_server import ROOT, Ports

PREPARING, _, SERVING = stages(SERVER)
(ASKING,) = stages(CLIENT)
SYSTEM_PATH = "/usr/bin:/bin"
# The interpreter below the virtual environment, which knows of the packages alone.
PACKAGES = Path(grpc.__file__).parents[1]
PYTHON = (
    f'PYTHONPATH="$PYTHONPATH:{PACKAGES}" exec {Path(sys.base_prefix, "bin", "python3")} -sS "$@"'
)


def program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """/workspace of the server's image, without the networks."""
    return replay(SERVING, tmp_path_factory.mktemp("image") / "workspace")


@pytest.fixture
def tools(tmp_path):
    """A PATH with python3 and a fake tritonserver, as the image has them."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program(folder / "python3", PYTHON)
    write_launcher(folder / "tritonserver")
    return folder


@pytest.fixture
def container(workspace, tools):
    """A function that starts the image's entry with arguments, less NVIDIA's own part of it."""
    started = []

    def run(*arguments, stdin=subprocess.DEVNULL, **options):
        nvidia, entry = SERVING.command("ENTRYPOINT")
        assert nvidia == "/opt/nvidia/nvidia_entrypoint.sh"
        process = subprocess.Popen(
            [workspace / Path(entry).relative_to("/workspace"), *arguments],
            stdin=stdin,
            stdout=options.get("stdout", subprocess.PIPE),
            stderr=options.get("stderr", subprocess.PIPE),
            text=True,
            cwd=workspace,
            env={"PATH": f"{tools}:{SYSTEM_PATH}", **environment_in(workspace)},
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def environment_in(workspace):
    """What the image sets, where its /workspace is this folder."""
    set_by_image = SERVING.environment()
    return {
        name: value.replace("/workspace", f"{workspace}") for name, value in set_by_image.items()
    }


def files_below(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_the_server_image_has_what_it_runs_and_no_more(workspace):
    assert {path.name for path in workspace.iterdir()} == {
        "Dockerfile",
        "LICENSE",
        "model_repo",
        "scripts",
    }
    assert {path.name for path in (workspace / "model_repo").iterdir()} == {
        path.name for path in (ROOT / "model_repo").iterdir()
    }
    assert SERVING.all("WORKDIR") == ["/workspace"]
    assert SERVING.all("USER") == ["1000:1000"]


def test_a_given_command_is_run_with_its_arguments_and_status(container):
    process = container("sh", "-c", 'echo "$1"; exit 7', "x", "two words")
    assert process.communicate() == ("two words\n", "")
    assert process.returncode == 7


def test_upstreams_command_finds_tritonserver(container):
    process = container("tritonserver", "--model-repository=/workspace/model_repo", "--fake-exit=4")
    output, _ = process.communicate()
    assert process.returncode == 4
    assert output.splitlines()[0] == "--model-repository=/workspace/model_repo"


def test_a_terminal_gets_a_shell(container):
    leader, follower = pty.openpty()
    process = container(stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    os.write(leader, b"echo shell-$((40 + 2)); exit 5\n")
    assert b"\nshell-42" in said_on(leader)
    assert process.wait() == 5


def said_on(leader):
    """All output to a terminal until its other end is closed."""
    said = b""
    with os.fdopen(leader, "rb", buffering=0) as terminal, suppress(OSError):
        while more := terminal.read(65536):
            said += more
    return said


def test_without_a_terminal_the_server_listens_on_all_interfaces(container, tools):
    program(tools / "python3", 'echo "$@"')
    output, _ = container().communicate()
    script, *flags = output.split()
    assert script.endswith("/workspace/scripts/server/serve.py")
    assert flags == [
        "--log=-",
        *(f"--{name}-address=0.0.0.0" for name in ("http", "grpc", "metrics")),
    ]


def test_flags_are_added_to_those_of_the_supervised_server(container, tools):
    program(tools / "python3", 'echo "$@"')
    output, _ = container("--log-verbose=1", "--drain", "5").communicate()
    assert output.split()[-3:] == ["--log-verbose=1", "--drain", "5"]


def test_the_supervised_server_logs_to_standard_output_and_stops_cleanly(
    container, workspace, tools
):
    before = files_below(workspace)
    ports = Ports.free()
    process = container(*ports.flags())
    said = []
    while not said or not said[-1].startswith("ready: "):
        said.append(process.stdout.readline())
        assert said[-1], process.stderr.read()
    assert f"--model-repository={workspace}/model_repo\n" in said
    assert is_healthy(workspace, tools, ports) == 0
    process.send_signal(signal.SIGTERM)
    assert process.communicate() == ("asked to stop\n", "")
    assert process.returncode == 128 + signal.SIGTERM
    assert is_healthy(workspace, tools, ports) == 1
    assert files_below(workspace) == before  # a read-only image is enough


def is_healthy(workspace, tools, ports):
    """Exit status of the image's health check, at other ports than the default ones."""
    command = SERVING.all("HEALTHCHECK")[0].partition("CMD ")[2]
    assert command == '["python3", "/workspace/scripts/server/readiness.py"]'
    done = subprocess.run(
        [
            tools / "python3",
            workspace / "scripts" / "server" / "readiness.py",
            f"http://127.0.0.1:{ports.http}",
        ],
        check=False,
        env=environment_in(workspace),
    )
    return done.returncode


def test_the_health_check_uses_tritons_port_on_loopback(workspace, tools):
    asked = "from server import readiness; print(readiness.http_url(readiness.Ports().http, []))"
    done = subprocess.run(
        [tools / "python3", "-c", asked],
        capture_output=True,
        text=True,
        check=True,
        env=environment_in(workspace),
    )
    assert done.stdout == "http://127.0.0.1:8000\n"


def test_malloc_is_configured_as_for_the_embedded_server():
    launcher = import_file(ROOT / "scripts" / "server" / "launcher.py")
    set_by_image = SERVING.environment()
    assert {name: set_by_image.get(name) for name in launcher.MALLOC} == launcher.MALLOC


def test_the_networks_can_be_prepared_with_what_the_build_copies(tmp_path):
    build = replay(PREPARING, tmp_path / "build")
    done = subprocess.run(
        [sys.executable, "scripts/setup/prepare_models.py", "--list"],
        cwd=build,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "silero_vad.jit" in done.stdout


@pytest.fixture(params=["the image's own", "mounted"])
def client_image(request, tmp_path):
    """/ws of the client's image, its client/ in the image or mounted over an empty one."""
    image = replay(ASKING, tmp_path / "ws")
    if request.param == "mounted":
        shutil.rmtree(image / "client")
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "client", image / "client", ignore=ignored)
    return image


def test_the_client_runs_from_its_folder_alone(client_image, tmp_path):
    audio = tmp_path / "none.wav"
    entry = Path(ASKING.command("ENTRYPOINT")[0]).relative_to("/ws")
    done = subprocess.run(
        [client_image / entry, sys.executable, "client.py", f"--audio_file={audio}"],
        cwd=client_image / "client",
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], **ASKING.environment()},
    )
    assert (done.returncode, "none.wav" in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not list(client_image.rglob("__pycache__"))
    assert ASKING.command("CMD") == ["bash"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_root_becomes_the_owner_of_the_client(client_image):
    entry = client_image / Path(ASKING.command("ENTRYPOINT")[0]).relative_to("/ws")
    os.chown(client_image / "client", 4321, 8765)
    who = [entry, "sh", "-c", "echo $(id -u) $(id -g) $(id -G) $HOME"]
    done = subprocess.run(who, capture_output=True, text=True, check=True)
    assert done.stdout == "4321 8765 8765 /tmp\n"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_user_other_than_root_is_kept():
    # On standard input, since another user cannot read the folders of tests.
    script = (ROOT / "Dockerfile" / "as_owner.sh").read_text()
    done = subprocess.run(
        ["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "sh", "-s", "id", "-u"],
        input=script,
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    assert done.stdout == "1234\n"

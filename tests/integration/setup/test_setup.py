"""scripts/setup.sh refuses a machine in one sentence; nothing is downloaded here."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from server.triton_server import ROOT

TOOLS = (
    "bash basename cat chmod cut dirname getconf grep head mkdir paste perl rm sha256sum sort tail "
    "touch uname"
)
# Not .venv's own interpreter: that one finds the project's packages without their being set up.
PYTHON = os.path.realpath(sys.executable)


@pytest.fixture
def project(tmp_path):
    """A checkout without a set-up."""
    checkout = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "scripts", checkout / "scripts", ignore=ignored)
    for path in ROOT.glob("requirements*.txt"):
        shutil.copy(path, checkout)
    return checkout


@pytest.fixture
def tools(tmp_path):
    """A PATH with only the tools that set-up calls."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS.split():
        (folder / name).symlink_to(shutil.which(name))
    return folder


def write_script(path, text):
    """Write a shell script, replacing the file at `path`."""
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def set_up(project, tools, *flags, **environment):
    return subprocess.run(
        [project / "scripts" / "setup.sh", *flags],
        env={"PATH": str(tools), "PYTHON": PYTHON, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def assert_refused(done, *words):
    """Assert that set-up failed with one line that contains all the words."""
    assert done.returncode == 1, done.stdout
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("setup: ")
    for word in words:
        assert word in sentence


@pytest.mark.parametrize(
    ("tool", "replacement", "words"),
    [
        ("perl", None, ["perl is missing", "apt-get install perl"]),
        (
            "uname",
            "case $1 in -s) echo Linux ;; *) echo aarch64 ;; esac",
            ["Linux on aarch64", "need Linux on x86_64"],
        ),
        ("getconf", "echo glibc 2.31", ["glibc is 2.31", "need 2.35 or newer"]),
        ("getconf", "exit 1", ["no glibc", "2.35 or newer"]),
    ],
)
def test_unsuitable_machine_is_refused(project, tools, tool, replacement, words):
    if replacement is None:
        (tools / tool).unlink()
    else:
        write_script(tools / tool, replacement)
    assert_refused(set_up(project, tools), *words)


def test_path_with_white_space_is_refused(project, tools):
    spaced = project.rename(project.with_name("check out"))
    assert_refused(set_up(spaced, tools), "path with white space", str(spaced))


def test_machine_without_python_is_refused(project, tools):
    assert_refused(set_up(project, tools, PYTHON=""), "no suitable Python", "3.11 or 3.12")


def test_unsuitable_python_is_refused(project, tools, tmp_path):
    lacking = {
        "sys.version_info": "not Python 3.11 or 3.12",
        "ensurepip": "no venv module (Debian, Ubuntu: apt-get install python3-venv)",
    }
    for asked, complaint in lacking.items():
        python = write_script(
            tmp_path / "python",
            f'case "$*" in *{asked}*) exit 1 ;; esac\nexec {PYTHON} "$@"',
        )
        assert_refused(set_up(project, tools, PYTHON=str(python)), complaint)


def test_python_without_libpython_is_refused(project, tools, tmp_path):
    python = write_script(
        tmp_path / "python",
        'case "$*" in *--check-libpython*) echo no libpython here; exit 1 ;; esac\n'
        f'exec {PYTHON} "$@"',
    )
    assert_refused(set_up(project, tools, PYTHON=str(python)), "no libpython here")


def test_missing_network_is_reported(project, tools):
    nowhere = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    done = set_up(project, tools, PIP_RETRIES="0", **nowhere)
    assert_refused(done, "pip failed", "network")
    assert not (project / ".venv" / ".ready").exists()


def test_unknown_option_is_wrong_usage(project, tools):
    assert_refused(set_up(project, tools, "--tpu"), "unknown option '--tpu'", "usage")


def test_complete_set_up_becomes_the_command_at_once(project, tools):
    (project / ".venv").mkdir()
    (project / ".venv" / ".ready").touch()
    write_script(tools / "greet", 'echo "$$ $1"')
    process = subprocess.Popen(
        [project / "scripts" / "setup.sh", "--if-needed", "--", "greet", "two words"],
        env={"PATH": str(tools)},
        stdout=subprocess.PIPE,
        text=True,
    )
    output, _ = process.communicate(timeout=60)
    assert output == f"{process.pid} two words\n"


@pytest.mark.parametrize(
    ("flags", "installed", "done"),
    [
        ("--web", "0ff-web", True),
        ("--web", "0ff-dev", True),
        ("--web", "0ff", False),
        ("--dev", "0ff-web", False),
        ("--dev", "0ff-dev", True),
        ("--gpu", "0ff-dev", False),
        ("--gpu", "0ff-gpu-web", True),
        ("--web", "0ff-gpu-web", True),
        ("--gpu --dev", "0ff-gpu-web", False),
    ],
)
def test_missing_packages_make_set_up_run_again(project, tools, tmp_path, flags, installed, done):
    (project / ".venv").mkdir()
    (project / ".venv" / ".packages").write_text(f"{installed}\n")
    (project / ".venv" / ".ready").touch()
    write_script(tools / "greet", "echo welcome")
    make_none = f'case "$*" in *"-m venv"*) exit 1 ;; esac\nexec {PYTHON} "$@"'
    python = write_script(tmp_path / "python", make_none)

    ran = set_up(project, tools, *flags.split(), "--if-needed", "--", "greet", PYTHON=str(python))

    assert (ran.stdout == "welcome\n") == done
    if not done:
        assert_refused(ran, "could not make a virtual environment")


@pytest.fixture
def pip(project, tmp_path):
    """A function that returns what .venv's Python, which does nothing, was given to install."""
    folder = project / ".venv" / "bin"
    folder.mkdir(parents=True)
    calls = tmp_path / "calls"
    write_script(
        folder / "python",
        f'case $1 in -c) echo {tmp_path} ;; *) echo "$*" >>{calls} ;; esac',
    )

    def installed():
        lines = [line.removeprefix("-m pip ") for line in calls.read_text().splitlines()]
        calls.unlink()
        words = [line.split() for line in lines if line.startswith(("install", "uninstall"))]
        options = ("--quiet", "--disable-pip-version-check", "--yes")
        return [
            " ".join(word.replace(f"{project}/", "") for word in line if word not in options)
            for line in words
        ]

    return installed


def test_packages_for_gpus_replace_the_others_and_stay(project, tools, pip):
    triton = "install --no-deps nvidia-pytriton==0.7.0"
    assert set_up(project, tools).returncode == 0
    assert pip() == ["install torch==2.13.0+cpu", "install -rrequirements.txt", triton]

    assert set_up(project, tools, "--gpu", "--web").returncode == 0
    both = "install -rrequirements-gpu.txt -rrequirements-web.txt"
    assert pip() == ["uninstall onnxruntime", both, triton]

    assert set_up(project, tools, "--web").stdout.startswith("setup: packages: up to date\n")
    assert set_up(project, tools, "--dev").returncode == 0
    assert pip()[-2] == "install -rrequirements-gpu.txt -rrequirements-dev.txt"


@pytest.mark.parametrize("failing", ["", "-gpu"])
def test_unfinished_packages_are_installed_again(project, tools, pip, failing):
    (project / ".venv" / ".packages").write_text(f"unfinished{failing}\n")
    assert set_up(project, tools).returncode == 0
    assert f"install -rrequirements{failing}.txt" in pip()


def pins(name):
    lines = (ROOT / name).read_text().splitlines()
    found = (line.partition("#")[0].strip().partition("==") for line in lines)
    return {package: version.lstrip("=") for package, equals, version in found if equals}


def test_packages_for_gpus_are_the_same_but_for_what_computes():
    cpu, gpu = pins("requirements.txt"), pins("requirements-gpu.txt")
    assert gpu.pop("torchaudio")
    gpu["onnxruntime"] = gpu.pop("onnxruntime-gpu")
    assert gpu == cpu


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_the_running_step_too(project, tools, tmp_path, number):
    os.mkfifo(tmp_path / "started")
    make_venv = f"echo $$ >{tmp_path}/started; exec {shutil.which('sleep')} 300"
    python = write_script(
        tmp_path / "python",
        f'case "$*" in *"-m venv"*) {make_venv} ;; esac\nexec {PYTHON} "$@"',
    )
    process = subprocess.Popen(
        [project / "scripts" / "setup.sh"],
        env={"PATH": str(tools), "PYTHON": str(python)},
        stdout=subprocess.PIPE,
    )
    step = int((tmp_path / "started").read_text())
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 128 + number
    with pytest.raises(ProcessLookupError):
        os.kill(step, 0)

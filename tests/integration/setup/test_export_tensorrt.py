"""scripts/setup/export_tensorrt.sh with a fake docker and trtexec: its command and its files."""

import os
import shutil
import subprocess

import pytest

from server.triton_server import ROOT

SCRIPT = ROOT / "scripts" / "setup" / "export_tensorrt.sh"
TOOLS = "bash cat dirname id mkdir mv rm"
SHAPES = {
    "speaker_model": ["feats:1x50x80", "feats:256x98x80", "feats:256x300x80"],
    "segmentation": ["wav:1x1x160000", "wav:32x1x160000", "wav:32x1x160000"],
}
# Records its arguments, one a line, and writes the engine.
BUILD = r"""
printf '%s\n' "$@" >> "$ARGUMENTS"
for word in "$@"; do
    case $word in
    *:/model) folder=${word%:/model} ;;
    --saveEngine=/model/*) printf engine > "$folder/${word##*/}" ;;
    --saveEngine=*) printf engine > "${word#*=}" ;;
    esac
done
"""


@pytest.fixture
def tools(tmp_path):
    """A PATH with neither docker nor trtexec."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS.split():
        (folder / name).symlink_to(shutil.which(name))
    return folder


@pytest.fixture
def repository(tmp_path):
    """A model repository with both models, in a folder with a space in its name."""
    for name in SHAPES:
        folder = tmp_path / "my models" / name / "1"
        folder.mkdir(parents=True)
        (folder / "model.onnx").touch()
    return tmp_path / "my models"


def program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def export(tools, repository, tmp_path):
    """A function that runs the script and returns the process and the arguments of the builds."""
    arguments = tmp_path / "arguments"

    def run(*options):
        done = subprocess.run(
            [shutil.which("bash"), SCRIPT, f"--model_repo={repository}", *options],
            env={"PATH": str(tools), "ARGUMENTS": str(arguments)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done, arguments.read_text().splitlines() if arguments.exists() else None

    return run


def shapes_of(model):
    names = ("--minShapes", "--optShapes", "--maxShapes")
    return [f"{name}={shape}" for name, shape in zip(names, SHAPES[model], strict=True)]


def built_files(repository):
    """Files beside the models: path -> content."""
    files = (path for path in repository.rglob("*") if path.is_file() and path.name != "model.onnx")
    return {str(path.relative_to(repository)): path.read_text() for path in files}


ENGINES = {"speaker_model/1/model.plan": "engine", "segmentation/1/model.plan": "engine"}


def test_docker_runs_trtexec_of_the_servers_release_on_one_gpu(export, tools, repository):
    program(tools / "docker", BUILD)
    done, built = export()
    assert (done.returncode, done.stderr) == (0, "")
    user = f"{os.getuid()}:{os.getgid()}"
    docker = ["run", "--rm", "--gpus", "device=0", "--user", user, "-v"]
    trtexec = ["nvcr.io/nvidia/tensorrt:24.10-py3", "trtexec", "--onnx=/model/model.onnx"]
    trtexec.append("--saveEngine=/model/.part-model.plan")
    assert built == [
        word
        for model in SHAPES
        for word in (*docker, f"{repository / model}/1:/model", *trtexec, *shapes_of(model))
    ]
    assert done.stdout.startswith("docker run --rm --gpus device=0 ")
    assert built_files(repository) == ENGINES


def test_the_image_is_that_of_the_servers_release():
    release = "24.10-py3"
    assert f"nvidia/tensorrt:{release}" in SCRIPT.read_text()
    assert f"nvidia/tritonserver:{release}" in (ROOT / "Dockerfile/dockerfile.server").read_text()


def test_options_choose_half_precision_and_another_image(export, tools):
    program(tools / "docker", BUILD)
    _, built = export("--fp16", "--image", "mine:1")
    assert (built[-1], built.count("--fp16"), built.count("mine:1")) == ("--fp16", 2, 2)
    assert built[built.index("trtexec") - 1] == "mine:1"


def test_installed_trtexec_is_preferred(export, tools, repository):
    program(tools / "trtexec", BUILD)
    done, built = export()
    assert done.returncode == 0
    assert built == [
        word
        for model in SHAPES
        for word in (
            f"--onnx={repository / model}/1/model.onnx",
            f"--saveEngine={repository / model}/1/.part-model.plan",
            *shapes_of(model),
        )
    ]
    assert built_files(repository) == ENGINES


def test_dry_run_prints_the_command_quoted_for_the_shell(export, tools, repository):
    done, built = export("--dry-run")
    assert (done.returncode, built, built_files(repository)) == (0, None, {})
    program(tools / "docker", BUILD)
    again = subprocess.run(
        [shutil.which("bash"), "-c", done.stdout],
        env={"PATH": str(tools), "ARGUMENTS": str(tools / "arguments")},
        check=True,
    )
    assert again.returncode == 0
    words = (tools / "arguments").read_text().splitlines()
    assert {f"{repository / model}/1:/model" for model in SHAPES} <= set(words)


@pytest.mark.parametrize(
    "failing", ["exit 1", ":", 'printf x > "${8%:/model}/.part-model.plan"; exit 3']
)
def test_failed_build_keeps_the_earlier_engine(export, tools, repository, failing):
    plan = repository / "speaker_model" / "1" / "model.plan"
    plan.write_text("before")
    program(tools / "docker", failing)
    done, _ = export()
    assert done.returncode == 1
    assert done.stderr.endswith("an earlier one is unchanged\n")
    assert built_files(repository) == {"speaker_model/1/model.plan": "before"}


def test_without_docker_the_message_says_where_to_run_it(export):
    done, _ = export()
    assert done.returncode == 1
    assert done.stderr == (
        "export_tensorrt: neither trtexec nor docker found; run it on the machine with the GPU\n"
    )


def test_missing_model_is_reported(export, repository):
    (repository / "speaker_model" / "1" / "model.onnx").unlink()
    done, _ = export("--dry-run")
    assert done.returncode == 1
    assert done.stderr == (
        f"export_tensorrt: {repository}/speaker_model/1/model.onnx is missing; "
        "run scripts/setup/prepare_models.py\n"
    )


def test_default_model_repository_is_the_projects(tools):
    done = subprocess.run(
        [shutil.which("bash"), SCRIPT, "--dry-run"],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{ROOT}/model_repo/speaker_model/1" in done.stdout + done.stderr


@pytest.mark.parametrize("options", [["--fp8"], ["--image"], ["--model_repo"]])
def test_wrong_usage_exits_with_status_2(export, options):
    done, _ = export(*options)
    assert done.returncode == 2
    assert options[0] in done.stderr
    assert "usage: " in done.stderr

"""What can be checked of the Dockerfiles without Docker: lint, sources, pins, commands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from container_files import CLIENT, ROOT, SERVER, WEB, context, copied, stages

DOCKERFILES = [SERVER, CLIENT, WEB]
HADOLINT = Path(sys.executable).with_name("hadolint")
PREPARING, MODELS, SERVING = stages(SERVER)
(ASKING,) = stages(CLIENT)
(GATEWAY,) = stages(WEB)
# What the pins of each image must fit: its Python, and the oldest glibc of Python and image.
PLATFORMS = ["manylinux1", "manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34"]
PIP = [sys.executable, "-m", "pip"]


def names(path):
    return path.name


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=names)
def test_hadolint_finds_nothing(dockerfile):
    done = subprocess.run(
        [HADOLINT, "--failure-threshold=info", dockerfile], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_stages_use_the_images_that_the_pins_were_resolved_for():
    arguments = re.findall(r"^ARG (\w+_IMAGE)=(.*)", SERVER.read_text(), re.MULTILINE)
    assert dict(arguments) == {
        "PYTHON_IMAGE": "python:3.11-slim-bookworm",
        "TRITON_IMAGE": "nvcr.io/nvidia/tritonserver:24.10-py3",
    }
    assert [stage.base for stage in stages(SERVER)] == [
        "${PYTHON_IMAGE}",
        "scratch",
        "${TRITON_IMAGE}",
    ]
    for dockerfile in (CLIENT, WEB):
        text = dockerfile.read_text()
        assert "ARG PYTHON_IMAGE=python:3.11-slim-bookworm\nFROM ${PYTHON_IMAGE}" in text


@pytest.mark.parametrize(
    "stage", [PREPARING, MODELS, SERVING, ASKING, GATEWAY], ids=lambda stage: stage.name
)
def test_every_source_of_a_copy_is_sent_to_the_build(stage):
    for sources, target in stage.copies():
        for source in sources:
            assert copied([source], target), source


def test_only_sources_are_sent_to_the_build(tmp_path):
    unwanted = [
        ".git/HEAD",
        ".venv/bin/python",
        "data/models/silero_vad.jit",
        "output/rttm",
        "tests/test.py",
        "scripts/measure/soak.py",
        "model_repo/speaker_model/1/model.onnx",
        "model_repo/speaker_model/1/model.onnx.json",
        "model_repo/speaker_model/1/model.plan",
        "model_repo/sad/1/silero_vad.jit",
        "model_repo/run/1/__pycache__/model.cpython-311.pyc",
        "external_tools/SCTK-2.4.12/src/md-eval/md-eval.pl",
        "server.key",
    ]
    wanted = ["model_repo/run/1/model.py", "client/client.py", "LICENSE"]
    for path in [*unwanted, *wanted]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert context(tmp_path) == set(wanted)


def test_every_build_argument_is_documented():
    page = (ROOT / "docs" / "deployment.md").read_text()
    table = page.partition("| build argument |")[2].partition("\n\n")[0]
    documented = set(re.findall(r"`([A-Z_]+)`", table))
    taken = re.findall(
        r"^ARG (\w+)=", SERVER.read_text() + CLIENT.read_text() + WEB.read_text(), re.MULTILINE
    )
    assert documented == set(taken)


def test_requirements_are_installed_before_any_code_is_copied():
    for stage in (PREPARING, SERVING, ASKING, GATEWAY):
        seen = [
            name
            for name, line in stage.instructions
            if (name == "RUN" and "pip install" in line) or (name == "COPY" and "/ " in line)
        ]
        assert seen[0] == "RUN"


def read_pins(requirements):
    """Requirements of a file and of those that it names."""
    lines = [line.partition("#")[0].strip() for line in requirements.read_text().splitlines()]
    more = [line.removeprefix("-r ") for line in lines if line.startswith("-r ")]
    own = [line for line in lines if line and not line.startswith("-")]
    return own + [pin for file in more for pin in read_pins(requirements.with_name(file))]


def installed_pins():
    """(Python of the image, requirement) of all that the images install with pip."""
    return sorted(
        {
            (python, pin)
            for stage, python in (
                (SERVING, "3.10"),
                (PREPARING, "3.11"),
                (ASKING, "3.11"),
                (GATEWAY, "3.11"),
            )
            for line in stage.all("RUN")
            for file in re.findall(r"-r (\S+)", line)
            for pin in read_pins(ROOT / Path(file).name)
        }
    )


def test_every_installed_package_is_pinned():
    assert {python for python, _ in installed_pins()} == {"3.10", "3.11"}
    assert all(re.fullmatch(r"[\w.\[\]-]+==[\d.]+", pin) for _, pin in installed_pins())


@pytest.mark.slow  # it asks a package index
@pytest.mark.parametrize(("python", "pin"), installed_pins())
def test_every_pin_has_a_build_for_the_images_python(python, pin):
    name, _, version = re.sub(r"\[.*\]", "", pin).partition("==")
    platforms = [f"--platform={platform}_x86_64" for platform in PLATFORMS]
    asked = [*PIP, "index", "versions", name, "--only-binary=:all:", *platforms]
    done = subprocess.run(
        [*asked, f"--python-version={python}"], capture_output=True, text=True, check=False
    )
    assert f" {version}," in done.stdout.replace("\n", ",") + ",", done.stderr

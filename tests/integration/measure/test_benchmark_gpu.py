"""benchmark_gpu.sh with a planted nvidia-smi, set-up and Python: its steps, files, exit codes."""

import os
import shutil
import subprocess

import pytest

from server.triton_server import ROOT

SCRIPT = "scripts/measure/benchmark_gpu.sh"
PYTHON = """\
#!/bin/sh
echo "$(basename "$1") $*" >>{log}
case $1 in
*conform.py) echo "| a table |"; exit {conform} ;;
*benchmark.py) echo "# Benchmark" >{page}; exit {benchmark} ;;
esac
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "scripts" / "measure").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / SCRIPT, tmp_path / SCRIPT)
    return tmp_path


def plant(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o700)


def run(project, *arguments, card="Fast One", conform=0, benchmark=0):
    """Run the script with these exit codes of its steps; its process, and what it started."""
    log, page = project / "log", project / "docs" / "benchmark-gpu.md"
    if "--rehearse" in arguments:
        page = project / "output" / "benchmark-gpu-rehearsal" / "benchmark-gpu.md"
    codes = {"conform": conform, "benchmark": benchmark}
    plant(project / ".venv" / "bin" / "python", PYTHON.format(log=log, page=page, **codes))
    plant(project / "scripts" / "setup.sh", f'#!/bin/sh\necho "setup $*" >>{log}\n')
    plant(project / "bin" / "nvidia-smi", f"#!/bin/sh\necho '{card}'\n")
    path = f"{project / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [project / SCRIPT, *arguments],
        env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done, log.read_text().splitlines() if log.exists() else [], page


def test_all_steps_are_taken_and_the_page_ends_with_the_checks(project):
    done, steps, page = run(project)

    assert done.returncode == 0
    assert steps[0] == "setup --gpu"
    assert [step.split()[0] for step in steps[-2:]] == ["conform.py", "benchmark.py"]
    assert steps[-2].endswith("--model_config gpu")
    assert steps[-1].endswith(
        f"--model_config gpu --page benchmark-gpu --output {project}/output/benchmark-gpu "
        "--lengths 30 600 3600 --clients 1 8 16 --docs"
    )
    text = page.read_text()
    assert text.startswith("# Benchmark\n\n## Conformance\n")
    assert text.endswith("\n| a table |\n")


@pytest.mark.parametrize("codes", [{"conform": 1}, {"benchmark": 1}])
def test_what_failed_is_in_the_page_and_in_the_exit_status(project, codes):
    done, _, page = run(project, **codes)

    assert done.returncode == 1
    assert page.read_text().endswith("\n| a table |\n")


def test_where_nothing_can_be_measured_there_is_no_page(project):
    done, steps, page = run(project, conform=2)

    assert done.returncode == 2
    assert "benchmark.py" not in steps[-1]
    assert not page.exists()


def test_without_a_card_nothing_is_started(project):
    done, steps, _ = run(project, card="")

    assert (done.returncode, steps) == (1, [])
    assert "got 'no card', expected the name of a GPU; --rehearse" in done.stderr


def test_a_rehearsal_needs_no_card_and_leaves_the_docs_alone(project):
    done, steps, page = run(project, "--rehearse", card="")

    assert (done.returncode, steps[0]) == (0, "setup --if-needed")
    assert page.read_text().endswith("\n| a table |\n")
    assert not list((project / "docs").iterdir())

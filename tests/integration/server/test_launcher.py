"""`tritonserver` of the virtual environment: the files it installs, and the server it becomes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from integration.model_loading import import_file

SOURCE = Path(__file__).resolve().parents[3] / "scripts" / "server" / "launcher.py"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
LIBPYTHON = f"libpython{VERSION}.so.1.0"


class Replaced(BaseException):
    """Raised where the process would become the server."""

    def __init__(self, binary, arguments, variables):
        self.binary, self.arguments, self.variables = Path(binary), arguments, variables


def write(path, content="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


@pytest.fixture
def packages(tmp_path):
    """A site-packages folder with the parts of the wheel that the launcher uses."""
    packages = tmp_path / "site-packages"
    triton = packages / "pytriton" / "tritonserver"
    write(triton / "bin" / "tritonserver")
    write(triton / "python_backend_stubs" / VERSION / "triton_python_backend_stub", "stub")
    write(triton / "backends" / "python" / "libtriton_python.so", "library")
    write(triton / "backends" / "python" / "triton_python_backend_utils.py", "utilities")
    return packages


@pytest.fixture
def launcher(tmp_path, packages, monkeypatch):
    """The launcher in that environment, with its own libpython folder."""
    module = import_file(SOURCE)
    library = write(tmp_path / "lib" / LIBPYTHON).parent
    monkeypatch.setattr(module, "BACKENDS", tmp_path / "share" / "backends")
    monkeypatch.setattr(module.site, "getsitepackages", lambda: [str(packages)])
    monkeypatch.setattr(module.sysconfig, "get_config_var", lambda _name: str(library))
    monkeypatch.setattr(module.sys, "argv", ["tritonserver", "--model-repository=models"])

    def exec_server(*arguments):
        raise Replaced(*arguments)

    monkeypatch.setattr(module.os, "execve", exec_server)
    return module


def without_libpython(launcher, monkeypatch):
    def not_found(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(launcher.sysconfig, "get_config_var", lambda _name: None)
    monkeypatch.setattr(launcher.sys, "base_prefix", "/nowhere")
    monkeypatch.setattr(launcher.ctypes, "CDLL", not_found)


def started(launcher):
    with pytest.raises(Replaced) as caught:
        launcher.main()
    return caught.value


def refusal(launcher):
    """The error of the launcher, which must be one line."""
    with pytest.raises(SystemExit) as caught:
        launcher.main()
    text = caught.value.code
    assert isinstance(text, str)  # so the exit status is 1
    assert "\n" not in text
    assert text.startswith("tritonserver: ")
    return text


def test_the_process_becomes_the_server_with_every_flag(launcher, packages, monkeypatch):
    flags = ["--model-repository", "my models", "--http-port=1", "--backend-directory=mine"]
    monkeypatch.setattr(launcher.sys, "argv", ["tritonserver", *flags])
    server = started(launcher)
    assert server.binary == packages / "pytriton" / "tritonserver" / "bin" / "tritonserver"
    assert server.arguments[0] == str(server.binary)
    assert server.arguments[1] == f"--backend-directory={launcher.BACKENDS}"
    assert server.arguments[2:] == flags


def test_the_interpreter_comes_first_on_the_path(launcher, monkeypatch):
    monkeypatch.setattr(launcher.sys, "executable", "/venv/bin/python")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert started(launcher).variables["PATH"] == "/venv/bin:/usr/bin:/bin"


def test_the_users_library_path_comes_last(launcher, tmp_path, packages, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    expected = f"{tmp_path / 'lib'}:{packages / 'nvidia_pytriton.libs'}:/opt/lib"
    assert started(launcher).variables["LD_LIBRARY_PATH"] == expected


def test_a_libpython_of_the_system_needs_no_path(launcher, packages, monkeypatch):
    without_libpython(launcher, monkeypatch)
    monkeypatch.setattr(launcher.ctypes, "CDLL", lambda _name: None)
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    variables = started(launcher).variables
    assert variables["LD_LIBRARY_PATH"] == str(packages / "nvidia_pytriton.libs")


def test_the_rest_of_the_environment_is_kept(launcher, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert started(launcher).variables["OMP_NUM_THREADS"] == "1"


def test_the_server_gets_the_number_of_threads_for_its_nets(launcher, monkeypatch):
    monkeypatch.delenv("DIARIZATION_THREADS", raising=False)
    monkeypatch.setattr(launcher, "available_cores", lambda: 5)
    assert started(launcher).variables["DIARIZATION_THREADS"] == "5"
    monkeypatch.setenv("DIARIZATION_THREADS", "")
    assert started(launcher).variables["DIARIZATION_THREADS"] == "5"
    monkeypatch.setenv("DIARIZATION_THREADS", "3")
    assert started(launcher).variables["DIARIZATION_THREADS"] == "3"


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_an_invalid_number_of_threads_is_refused(launcher, monkeypatch, value):
    monkeypatch.setenv("DIARIZATION_THREADS", value)
    expected = f"DIARIZATION_THREADS: got '{value}', expected a whole number from 1 on"
    assert refusal(launcher) == f"tritonserver: {expected}"


def test_malloc_returns_memory_unless_the_user_sets_it(launcher, monkeypatch):
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "7")
    variables = started(launcher).variables
    assert variables["MALLOC_ARENA_MAX"] == "1"
    assert variables["MALLOC_TRIM_THRESHOLD_"] == "7"


@pytest.fixture
def gpu_packages(launcher, monkeypatch):
    """A function that installs torchaudio and lets the check of the GPU end so."""

    def install(status, error=""):
        done = subprocess.CompletedProcess([], status, "", error)
        monkeypatch.setattr(launcher, "find_spec", lambda _name: "found")
        monkeypatch.setattr(launcher.subprocess, "run", lambda *_arguments, **_options: done)

    return install


def test_with_a_gpu_its_models_are_served_too(launcher, gpu_packages, monkeypatch):
    gpu_packages(0)
    monkeypatch.setenv("DIARIZATION_PRECISION", "bf16")
    server = started(launcher)
    (added,) = server.arguments[2:-1]
    assert added == f"--model-repository={SOURCE.parent / 'gpu_models'}"
    assert server.variables["DIARIZATION_PRECISION"] == "fp32"


def test_a_gpu_that_cannot_be_used_is_reported_and_the_server_starts(launcher, gpu_packages, capfd):
    gpu_packages(1, "Traceback\n  File x\nRuntimeError: Found no NVIDIA driver on your system.\n")
    assert started(launcher).arguments[2:] == ["--model-repository=models"]
    assert capfd.readouterr().err == (
        "tritonserver: GPU: got 'RuntimeError: Found no NVIDIA driver on your system.', "
        "expected a GPU that torch can use; everything runs on the CPU\n"
    )


def test_without_the_packages_for_gpus_nothing_is_checked(launcher, monkeypatch, capfd):
    monkeypatch.setattr(launcher, "find_spec", lambda _name: None)
    assert started(launcher).arguments[2:] == ["--model-repository=models"]
    assert capfd.readouterr().err == ""


def test_missing_binaries_are_reported_with_a_remedy(launcher, packages):
    (packages / "pytriton" / "tritonserver" / "bin" / "tritonserver").unlink()
    assert refusal(launcher) == (
        "tritonserver: Triton binaries not found in this Python environment; run ./scripts/setup.sh"
    )


def test_a_missing_stub_is_reported_with_its_version(launcher, packages):
    stubs = packages / "pytriton" / "tritonserver" / "python_backend_stubs"
    (stubs / VERSION / "triton_python_backend_stub").unlink()
    text = refusal(launcher)
    assert f"no Triton Python stub for Python {VERSION}" in text
    assert "3.11 or 3.12" in text


def test_a_missing_libpython_is_reported_with_its_package(launcher, monkeypatch):
    without_libpython(launcher, monkeypatch)
    text = refusal(launcher)
    assert f"this Python has no {LIBPYTHON}" in text
    assert f"apt-get install libpython{VERSION}" in text


def test_the_libpython_check_of_set_up_prints_one_line(launcher, monkeypatch):
    monkeypatch.setattr(launcher.sys, "argv", ["launcher.py", "--check-libpython"])
    launcher.main()
    without_libpython(launcher, monkeypatch)
    assert f"this Python has no {LIBPYTHON}" in refusal(launcher)


def test_backends_that_cannot_be_written_are_reported(launcher, tmp_path):
    write(tmp_path / "share", "a file where a folder has to be")
    assert "share" in refusal(launcher)


def backend_files(launcher):
    found = (path for path in launcher.BACKENDS.rglob("*") if path.is_file())
    return {str(path.relative_to(launcher.BACKENDS)): path.read_text() for path in found}


def test_the_backends_are_installed(launcher):
    started(launcher)
    assert backend_files(launcher) == {
        "python/libtriton_python.so": "library",
        "python/triton_python_backend_utils.py": "utilities",
        "python/triton_python_backend_stub": "stub",
        "onnxruntime/model.py": (
            SOURCE.parent / "backends" / "onnxruntime" / "model.py"
        ).read_text(),
    }
    assert not any(path.is_symlink() for path in launcher.BACKENDS.rglob("*"))


def test_unchanged_files_are_kept(launcher):
    started(launcher)
    before = {path: path.stat().st_ino for path in launcher.BACKENDS.rglob("*")}
    started(launcher)
    assert {path: path.stat().st_ino for path in launcher.BACKENDS.rglob("*")} == before


def test_changed_files_are_refreshed(launcher, packages):
    started(launcher)
    stub = packages / "pytriton" / "tritonserver" / "python_backend_stubs" / VERSION
    write(stub / "triton_python_backend_stub", "another stub")
    write(launcher.BACKENDS / "onnxruntime" / "model.py", "edited by hand")
    started(launcher)
    files = backend_files(launcher)
    assert files["python/triton_python_backend_stub"] == "another stub"
    assert files["onnxruntime/model.py"].startswith('"""Stand-in')


def test_an_installed_file_stays_executable(launcher, tmp_path):
    source = write(tmp_path / "source")
    source.chmod(0o755)
    launcher.install(source, tmp_path / "target")
    assert os.access(tmp_path / "target", os.X_OK)


def test_a_file_is_replaced_in_one_step_or_not_at_all(launcher, tmp_path, monkeypatch):
    source, target = write(tmp_path / "source", "new"), write(tmp_path / "to" / "target", "old")
    seen = []

    def half_a_copy(_source, fresh):
        Path(fresh).write_text("ne")
        seen.append(target.read_text())
        raise OSError("no space left on device")

    monkeypatch.setattr(launcher.shutil, "copy2", half_a_copy)
    with pytest.raises(OSError, match="no space left"):
        launcher.install(source, target)
    assert [*seen, target.read_text()] == ["old", "old"]


def test_a_running_server_keeps_its_open_file(launcher, tmp_path):
    source, target = write(tmp_path / "source", "new"), write(tmp_path / "target", "old")
    with target.open() as opened:
        launcher.install(source, target)
        assert opened.read() == "old"
    assert target.read_text() == "new"

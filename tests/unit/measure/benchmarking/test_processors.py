"""CPU seconds by model, and the use of GPUs, with a planted server and a planted nvidia-smi."""

import os

import pytest

from measure.benchmarking import processors
from measure.benchmarking.processors import GpuUse, Meter, gpu_use, host_s
from server.processes import children

SPENT_S = {11: 1.0, 12: 2.0, 13: 4.0, 14: 8.0, 15: 16.0}
MODELS = {11: "segmentation", 12: "speaker_model", 13: "run", 14: "run"}


@pytest.fixture
def _server(monkeypatch):
    """Processes that have used as much again whenever they are asked about."""
    asked = []
    monkeypatch.setattr(processors, "children", lambda _: asked.append(1) or set(SPENT_S))
    monkeypatch.setattr(processors, "stubs", lambda _: MODELS)
    monkeypatch.setattr(processors, "cpu_seconds", lambda pid: len(asked) * SPENT_S[pid])


@pytest.fixture
def plant(tmp_path, monkeypatch):
    """A function that plants an nvidia-smi, which writes text and waits to be stopped."""

    def planted(text):
        written = tmp_path / "written"
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\nprintf '{text}'\necho >{written}\nexec sleep 60\n")
        program.chmod(0o700)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        return written

    return planted


@pytest.mark.usefixtures("_server")
def test_seconds_are_those_of_the_block_by_model():
    with Meter() as meter:
        pass

    assert meter.cpu_s == {"segmentation": 1.0, "speaker_model": 2.0, "run": 12.0, "server": 16.0}
    assert host_s(meter.cpu_s) == 28.0


def test_without_processes_of_the_nets_the_host_is_not_known():
    assert host_s({}) is None
    assert host_s({"run": 1.0, "server": 9.0}) is None


def test_gpus_are_watched_while_the_block_runs(plant):
    written = plant("40, 100.50, 1000\\n60, 120.50, 3000\\n")

    with Meter() as meter:
        while not written.exists():
            pass

    assert meter.gpu == GpuUse(50.0, 110.5, 3000 * 2**20)


def test_the_program_that_watches_gpus_is_not_counted(plant, monkeypatch):
    plant("")
    counted = []
    monkeypatch.setattr(processors, "spent_s", lambda: counted.append(children(os.getpid())) or {})
    before = children(os.getpid())

    with Meter():
        assert children(os.getpid()) > before

    assert counted == [before, before]


def test_without_a_driver_there_is_no_use(monkeypatch):
    monkeypatch.setenv("PATH", "")

    with Meter() as meter:
        pass

    assert meter.gpu is None


@pytest.mark.parametrize("samples", ["", "No devices were found\n", "[N/A], 30, [N/A]\n"])
def test_what_is_no_sample_is_no_use(samples):
    assert gpu_use(samples) is None


def test_a_card_need_not_know_its_power():
    assert gpu_use("7, [N/A], 10\n") == GpuUse(7.0, None, 10 * 2**20)

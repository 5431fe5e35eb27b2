"""Which regions of shared memory are removed, in a folder in place of /dev/shm."""

import os
import subprocess
import sys

import pytest

from server.processes import alive, started_at
from server.shared_memory import (
    abandoned_servers,
    new_prefix,
    remove_abandoned,
    sweep,
    sweep_abandoned,
)

NAMESPACE, PID, START, *_ = new_prefix().removeprefix("diarization_").split("_")
GONE_PID = 2**22 + 1  # above every pid of Linux


@pytest.fixture
def shm(tmp_path):
    folder = tmp_path / "shm"
    folder.mkdir()
    return folder


@pytest.fixture
def orphan():
    """A process of a server whose owner is gone; its pid."""
    command = [sys.executable, "-c", "print(flush=True); input()", orphaned("region")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        process.stdout.readline()
        yield process.pid
        process.kill()


def orphaned(rest):
    return f"diarization_{NAMESPACE}_{GONE_PID}_5_0_{rest}"


def put(shm, *names):
    for name in names:
        (shm / name).write_bytes(b"x")


def left(shm):
    return sorted(path.name for path in shm.iterdir())


def test_a_prefix_identifies_this_process_and_is_unique():
    first, second = new_prefix(), new_prefix()
    assert first != second
    assert str(os.getpid()) == PID
    assert str(started_at(os.getpid())) == START
    assert not second.startswith(first)


def test_only_regions_with_the_prefix_are_removed(shm):
    put(shm, "a_1", "a_2", "b_1", "xa_1")
    assert sweep("a_", shm) == ["a_1", "a_2"]
    assert left(shm) == ["b_1", "xa_1"]


def test_a_prefix_is_not_a_pattern_and_an_empty_one_matches_nothing(shm):
    put(shm, "a_1", "*_1")
    assert sweep("*_", shm) == ["*_1"]
    assert sweep("", shm) == []
    assert left(shm) == ["a_1"]


@pytest.mark.usefixtures("orphan")
def test_a_region_that_a_process_was_started_with_stays(shm):
    put(shm, orphaned("region"), orphaned("other"))
    assert sweep(orphaned(""), shm) == [orphaned("other")]


def test_what_cannot_be_removed_is_skipped(shm):
    (shm / "a_folder").mkdir()
    put(shm, "a_1")
    assert sweep("a_", shm) == ["a_1"]
    assert left(shm) == ["a_folder"]


@pytest.mark.parametrize(
    ("name", "removed"),
    [
        (f"diarization_{NAMESPACE}_{GONE_PID}_7_0_region", True),
        (f"diarization_{NAMESPACE}_{GONE_PID}_7_0_\udcff", True),
        (f"diarization_{NAMESPACE}_{PID}_{int(START) - 1}_0_region", True),
        (f"diarization_{NAMESPACE}_{PID}_{START}_0_region", False),
        (f"diarization_{int(NAMESPACE) + 1}_{GONE_PID}_7_0_region", False),
        (orphaned("another"), False),
        ("triton_python_backend_shm_region_1", False),
        ("diarization_notes", False),
    ],
    ids=[
        "its owner is gone",
        "its name is not UTF-8",
        "its pid was reused",
        "its owner lives",
        "of a container",
        "its server lives",
        "of another Triton",
        "of something else",
    ],
)
@pytest.mark.usefixtures("orphan")
def test_only_regions_of_servers_that_are_gone_are_abandoned(name, removed, shm):
    put(shm, name)
    sweep_abandoned(shm)
    assert left(shm) == ([] if removed else [name])


def test_servers_whose_owner_is_gone_are_found_and_killed(orphan):
    ours = f"stub\0diarization_{NAMESPACE}_{PID}_{START}_0_region"
    assert abandoned_servers({77: f"stub\0{orphaned('region')}", 78: ours}) == {77}
    remove_abandoned()
    assert alive([orphan]) == set()

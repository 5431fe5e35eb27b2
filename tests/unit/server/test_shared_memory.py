"""Which regions of shared memory are removed, in folders that stand for /dev/shm and /proc."""

import os

import pytest

from server.processes import started_at
from server.shared_memory import abandoned_servers, new_prefix, sweep, sweep_abandoned

NAMESPACE, PID, START, *_ = new_prefix().removeprefix("diarization_").split("_")
GONE_PID = 2**22 + 1  # above every pid of Linux


@pytest.fixture
def shm(tmp_path):
    folder = tmp_path / "shm"
    folder.mkdir()
    return folder


@pytest.fixture
def proc(tmp_path):
    """This process, and a model's of a server that outlived who started it."""
    folder = tmp_path / "proc"
    for pid, line, start in ((PID, "pytest", START), (77, orphaned("region"), 5)):
        own = folder / str(pid)
        own.mkdir(parents=True)
        (own / "cmdline").write_text(f"stub\0{line}\0")
        (own / "stat").write_text(f"{pid} (x) S 1 1 " + "0 " * 16 + f"{start} 0\n")
    return folder


def orphaned(rest):
    return f"diarization_{NAMESPACE}_{GONE_PID}_5_0_{rest}"


def put(shm, *names):
    for name in names:
        (shm / name).write_bytes(b"x")


def left(shm):
    return sorted(path.name for path in shm.iterdir())


def test_a_prefix_names_this_process_and_is_another_every_time():
    first, second = new_prefix(), new_prefix()
    assert first != second
    assert str(os.getpid()) == PID
    assert str(started_at(os.getpid())) == START
    assert not second.startswith(first)


def test_regions_with_the_prefix_go_and_others_stay(shm, proc):
    put(shm, "a_1", "a_2", "b_1", "xa_1")
    assert sweep("a_", shm, proc) == ["a_1", "a_2"]
    assert left(shm) == ["b_1", "xa_1"]


def test_a_prefix_is_no_pattern_and_an_empty_one_is_none(shm, proc):
    put(shm, "a_1", "*_1")
    assert sweep("*_", shm, proc) == ["*_1"]
    assert sweep("", shm, proc) == []
    assert left(shm) == ["a_1"]


def test_a_region_that_a_process_was_started_with_stays(shm, proc):
    put(shm, orphaned("region"), orphaned("other"))
    assert sweep(orphaned(""), shm, proc) == [orphaned("other")]


def test_what_cannot_be_removed_is_left(shm, proc):
    (shm / "a_folder").mkdir()
    put(shm, "a_1")
    assert sweep("a_", shm, proc) == ["a_1"]
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
        "its name is no text",
        "its pid is used again",
        "its owner lives",
        "of a container",
        "its server lives",
        "of another Triton",
        "of something else",
    ],
)
def test_only_regions_of_servers_that_are_gone_are_abandoned(name, removed, shm, proc):
    put(shm, name)
    sweep_abandoned(shm, proc)
    assert left(shm) == ([] if removed else [name])


def test_servers_whose_owner_is_gone_are_found_by_their_command_line(proc):
    assert abandoned_servers(proc) == {77}
    (proc / "77" / "cmdline").write_text(f"stub\0diarization_{NAMESPACE}_{PID}_{START}_0_region\0")
    assert abandoned_servers(proc) == set()

import resource

import pytest

from formats.atomic_file import OutputError
from formats.output import RttmFolder
from inputs.recordings import MAX_ID_BYTES


@pytest.fixture
def folder(tmp_path):
    return RttmFolder(tmp_path)


def names(path):
    return sorted(each.name for each in path.iterdir())


def test_the_folder_is_made_with_its_parents_and_starts_empty(tmp_path):
    RttmFolder(tmp_path / "a" / "b")

    assert names(tmp_path / "a" / "b") == []


def test_a_file_in_the_way_is_reported_in_one_sentence(tmp_path):
    (tmp_path / "out").touch()

    with pytest.raises(OutputError, match=r"cannot write to output directory .*out: File exists"):
        RttmFolder(tmp_path / "out")


def test_an_answer_replaces_the_earlier_one_whole(folder, tmp_path):
    folder.put("a", {"rttm": b"a long first answer\n"})
    folder.put("a", {"rttm": b"second\n"})

    assert names(tmp_path) == ["rttm_a"]
    assert (tmp_path / "rttm_a").read_bytes() == b"second\n"


@pytest.mark.parametrize("recording_id", ["x" * MAX_ID_BYTES, ".", "..", ".part", "é"])
def test_any_id_can_be_written(recording_id, folder, tmp_path):
    folder.put(recording_id, {"rttm": b"x\n"})

    assert names(tmp_path) == [f"rttm_{recording_id}"]


def test_others_may_read_the_files_as_the_umask_says(folder, tmp_path):
    (tmp_path / "plain").touch()
    folder.put("a", {"rttm": b""})

    assert (tmp_path / "rttm_a").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.fixture
def room_of_a_kilobyte():
    """Limit the size of files to a kilobyte, for root too: writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("room_of_a_kilobyte")
def test_a_write_that_fails_leaves_the_earlier_file_and_no_temporary_one(folder, tmp_path):
    folder.put("a", {"rttm": b"earlier\n"})

    with pytest.raises(OutputError, match=r"cannot write .*rttm_a: File too large"):
        folder.put("a", {"rttm": b"x" * 1025})

    assert names(tmp_path) == ["rttm_a"]
    assert (tmp_path / "rttm_a").read_bytes() == b"earlier\n"


def test_a_move_that_fails_leaves_no_temporary_file(folder, tmp_path):
    (tmp_path / "rttm_a").mkdir()

    with pytest.raises(OutputError, match="rttm_a"):
        folder.put("a", {"rttm": b"new\n"})

    assert names(tmp_path) == ["rttm_a"]


def test_dropping_a_missing_file_is_no_error(folder, tmp_path):
    folder.put("a", {"rttm": b""})
    folder.drop("a", "no")
    folder.drop("a", "no")

    assert names(tmp_path) == []


def test_a_new_run_removes_only_the_earlier_joined_file(folder, tmp_path):
    folder.put("a", {"rttm": b"a\n"})
    folder.finish({"a": b"a\n"})
    folder.begin()

    assert names(tmp_path) == ["rttm_a"]


def test_the_join_is_in_byte_order_of_the_ids(folder, tmp_path):
    ids = ["b", "a", "B", "é", "a-b", "a_b", "a.b", "z"]

    folder.finish({recording_id: recording_id.encode() for recording_id in ids})

    assert (tmp_path / "rttm").read_text() == "B" + "a" + "a-b" + "a.b" + "a_b" + "b" + "z" + "é"


def test_foreign_files_are_those_that_upstreams_cat_would_take_too(folder, tmp_path):
    for name in ("rttm", "rttm_a", "rttm_other", "rttm.bak", "notes", ".part-1"):
        (tmp_path / name).touch()

    assert folder.foreign_files(["a"]) == ["rttm.bak", "rttm_other"]

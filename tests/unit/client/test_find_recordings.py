from pathlib import Path

import pytest

from inputs.recordings import ListError, find_recordings


@pytest.fixture(autouse=True)
def calls(tmp_path, monkeypatch):
    """A folder of calls in the working directory."""
    for name in ("b.wav", "a.FLAC", "notes.txt", ".hidden.wav", "older/c.mp3", "older/d.txt"):
        path = tmp_path / "calls" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "calls"


def no_standard_input():
    raise AssertionError("standard input must not be read")


def found(*names, data_dir=None, recording_id=None, standard_input=no_standard_input):
    return find_recordings(names, data_dir, recording_id, standard_input)


def paths(*names, **more):
    return [str(recording.path) for recording in found(*names, **more)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("calls", ["calls/a.FLAC", "calls/b.wav"]),
        ("calls/", ["calls/a.FLAC", "calls/b.wav"]),
        ("calls/*.wav", ["calls/b.wav"]),
        ("calls/*", ["calls/a.FLAC", "calls/b.wav", "calls/notes.txt"]),
        ("calls/**/*.[mw]*", ["calls/b.wav", "calls/older/c.mp3"]),
        ("calls/b.wav", ["calls/b.wav"]),
        ("calls/absent.wav", ["calls/absent.wav"]),  # fails alone, later
    ],
)
def test_a_name_is_a_file_a_folder_or_a_pattern(name, expected):
    assert paths(name) == expected


def test_names_come_in_their_order_and_a_file_named_twice_once():
    assert paths("calls/b.wav", "calls", Path("calls/b.wav").absolute().as_posix()) == [
        "calls/b.wav",
        "calls/a.FLAC",
    ]


def test_ids_are_stems():
    assert [each.recording_id for each in found("calls/**/*.[mw]*")] == ["b", "c"]


def test_a_file_that_looks_like_a_pattern_is_that_file(calls):
    (calls / "[1].wav").touch()

    assert paths("calls/[1].wav") == ["calls/[1].wav"]


@pytest.mark.parametrize("name", [".", "*.wav", "b.wav"])
def test_names_start_at_data_dir(name):
    assert "calls/b.wav" in paths(name, data_dir="calls")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty", "folder empty holds no audio file, expected one that ends as .wav"),
        ("calls/*.ogg", "no file matches the pattern 'calls/*.ogg', expected at least one"),
    ],
)
def test_a_name_that_matches_nothing_is_refused(name, words):
    with pytest.raises(ListError) as caught:
        found("calls", name, "empty")

    assert caught.value.problems[0].startswith(words)
    assert len(caught.value.problems) == (1 if name == "empty" else 2)


def test_two_files_of_one_stem_are_refused_with_both_paths(calls):
    (calls / "older" / "b.mp3").touch()

    with pytest.raises(ListError) as caught:
        found("calls/**/b.*")

    (problem,) = caught.value.problems
    assert "recording id 'b' is that of calls/b.wav and of calls/older/b.mp3" in problem


def test_standard_input_has_an_id_of_its_own(calls):
    (recording,) = found("-", standard_input=lambda: calls / "b.wav")

    assert (recording.recording_id, recording.path) == ("stdin", calls / "b.wav")


@pytest.mark.parametrize("name", ["-", "calls/b.wav"])
def test_one_recording_may_be_given_its_id(name, calls):
    (recording,) = found(name, recording_id="talk-7", standard_input=lambda: calls / "b.wav")

    assert recording.recording_id == "talk-7"


def test_several_recordings_cannot_be_given_one_id():
    with pytest.raises(ListError, match="--recording_id x is the id of one recording, got 2 files"):
        found("calls", recording_id="x")

"""Whatever is killed, a recording is in the journal once or not at all."""

import numpy as np
import pytest

from corpora.journal import Journal, packed, read, unpacked
from formats.atomic_file import OutputError

SETTINGS = {"mode": "full"}


def names(folder):
    return [entry["recording"] for entry in read(folder / "recordings.jsonl")]


def test_a_second_run_continues_and_tries_failed_recordings_again(tmp_path):
    with Journal(tmp_path, SETTINGS) as journal:
        assert journal.done == set()
        journal.add({"recording": "a"})
        journal.add({"recording": "b", "failure": "late"})
    with Journal(tmp_path, SETTINGS) as journal:
        assert journal.done == {"a"}
        journal.add({"recording": "a", "again": True})
        journal.add({"recording": "b"})
    assert names(tmp_path) == ["a", "b", "b"]
    with Journal(tmp_path, SETTINGS) as journal:
        assert journal.done == {"a", "b"}


@pytest.mark.parametrize("left", ['{"recording": "b", "rt', "{", '{"recording": "\u00e9'])
def test_half_a_line_of_a_killed_run_is_dropped(left, tmp_path):
    with Journal(tmp_path, SETTINGS) as journal:
        journal.add({"recording": "a", "rttm": "x" * 200_000})
    with (tmp_path / "recordings.jsonl").open("ab") as file:
        file.write(left.encode()[:-1])
    with Journal(tmp_path, SETTINGS) as journal:
        journal.add({"recording": "b"})
    assert names(tmp_path) == ["a", "b"]


def test_a_run_killed_in_its_first_line_starts_anew(tmp_path):
    (tmp_path / "recordings.jsonl").write_text('{"sett')
    with Journal(tmp_path, SETTINGS) as journal:
        journal.add({"recording": "a"})
    with Journal(tmp_path, SETTINGS) as journal:
        assert journal.done == {"a"}


def test_other_options_are_refused(tmp_path):
    with Journal(tmp_path, SETTINGS):
        pass
    with pytest.raises(OutputError, match=r"got \{\}: expected the same"):
        Journal(tmp_path, {})


def test_two_runs_at_once_are_refused(tmp_path):
    with Journal(tmp_path, SETTINGS), pytest.raises(OutputError, match="another run writes to"):
        Journal(tmp_path, SETTINGS)
    with Journal(tmp_path, SETTINGS):
        pass


def test_a_file_that_is_no_journal_is_refused_and_not_changed(tmp_path):
    path = tmp_path / "recordings.jsonl"
    path.write_text("no json\n")
    with pytest.raises(OutputError, match="cannot use"):
        Journal(tmp_path, SETTINGS)
    assert path.read_text() == "no json\n"


def test_embeddings_are_kept_to_the_last_bit():
    rows = np.random.default_rng(1).normal(size=(3, 5)).astype(np.float32)
    assert np.array_equal(unpacked(packed(rows)), rows)
    assert unpacked([]).size == 0

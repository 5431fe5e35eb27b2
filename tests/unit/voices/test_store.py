"""The file of enrolled voices: round trips, and what it refuses."""

import contextlib
import os
import random
import sqlite3
import stat
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.planted_voices import voice
from unit.seeded import seeded
from voices import database
from voices.database import FileError
from voices.store import VOICES, VoiceStore
from voices.voice import VoicesError, usable_name

N_AT_ONCE = 8
N_DAMAGED = 200


@pytest.fixture
def store(tmp_path):
    return VoiceStore(tmp_path / "voices.db")


def names(store):
    return [each.name for each in store.voices()]


def test_voices_are_read_back_unchanged(store):
    ana, ben = voice("Ana", [3, 4, 0]), voice("Ben", [0, 0, 1], network="résnet", file="b.wav")

    store.add([ben, ana])

    assert store.voices() == [ana, ben]
    np.testing.assert_array_equal(store.voices()[0].centroid, np.array([0.6, 0.8, 0], np.float32))
    assert store.voices()[0].centroid.dtype == np.float32


def test_the_file_says_what_it_is(store):
    store.add([voice("Ana", [1, 0])])

    with sqlite3.connect(store.path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT name, dimension FROM voices").fetchall() == [("Ana", 2)]
    connection.close()


def test_no_other_user_may_read_the_file_whatever_the_umask(store):
    before = os.umask(0)
    try:
        store.add([voice("Ana", [1, 0])])
    finally:
        os.umask(before)

    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_several_recordings_of_a_name_are_kept(store):
    store.add([voice("Ana", [1, 0], file="1.wav")])
    store.add([voice("Ana", [1, 1], file="2.wav")])

    assert [each.origin.file_name for each in store.voices()] == ["1.wav", "2.wav"]


def test_a_recording_enrolled_again_is_kept_once(store):
    store.add([voice("Ana", [1, 0])])
    store.add([voice("Ana", [0, 1])])

    (kept,) = store.voices()
    np.testing.assert_array_equal(kept.centroid, [0, 1])


def test_after_a_recording_of_another_name_nothing_is_kept(store):
    store.add([voice("Ana", [1, 0], file="1.wav")])

    with pytest.raises(VoicesError, match=r"1\.wav is enrolled as 'Ana' in .*, expected a record"):
        store.add([voice("Ben", [0, 1], file="2.wav"), voice("Ben", [1, 0], file="1.wav")])

    assert names(store) == ["Ana"]


def test_replacing_removes_earlier_voices_of_that_name_alone(store):
    store.add([voice("Ana", [1, 0], file="1.wav"), voice("Ben", [0, 1], file="2.wav")])

    store.add([voice("Ana", [1, 1], file="3.wav")], replace=True)

    assert [each.origin.file_name for each in store.voices()] == ["3.wav", "2.wav"]


def test_a_removed_name_is_gone_from_the_bytes_of_the_file_too(store):
    store.add([voice("Rumpelstilzchen", [1, 0], file="1.wav"), voice("Ben", [0, 1])])

    assert store.remove("Rumpelstilzchen") == 1
    assert store.remove("Rumpelstilzchen") == 0
    assert names(store) == ["Ben"]
    assert b"Rumpelstilzchen" not in store.path.read_bytes()


def test_concurrent_enrolments_are_all_kept(store):
    voices = [voice(f"person{n}", [1, n], file=f"{n}.wav") for n in range(N_AT_ONCE)]

    with ProcessPoolExecutor(N_AT_ONCE) as processes:
        list(processes.map(store.add, [[each] for each in voices]))

    assert names(store) == [each.name for each in voices]


def test_a_missing_file_is_not_an_empty_one(store):
    with pytest.raises(
        VoicesError, match=r"voices\.db: file not found, expected a file of voices made"
    ):
        store.voices()
    with pytest.raises(VoicesError, match="file not found"):
        store.remove("Ana")
    assert not store.path.exists()


def test_a_file_that_is_not_a_database_is_refused_and_unchanged(store):
    store.path.write_bytes(b"RIFF, more or less" * 100)

    with pytest.raises(VoicesError, match=r"cannot be read .*, expected a file of voices made by"):
        store.voices()
    with pytest.raises(VoicesError, match="cannot be read"):
        store.add([voice("Ana", [1, 0])])
    assert store.path.read_bytes() == b"RIFF, more or less" * 100


def test_another_programs_database_is_refused(store):
    with sqlite3.connect(store.path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()

    with pytest.raises(VoicesError, match="is a file of another kind or program, expected"):
        store.voices()
    with pytest.raises(VoicesError, match="another kind or program"):
        store.add([voice("Ana", [1, 0])])


def test_a_newer_version_is_refused(store):
    store.add([voice("Ana", [1, 0])])
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()

    with pytest.raises(VoicesError, match="has version 2, expected at most 1: from a newer client"):
        store.voices()


@pytest.mark.parametrize(
    "centroid",
    [b"\0" * 8, b"\0\0\x80\x3f", np.array([np.nan, 0], "<f4").tobytes(), b"\0\0\x80", "text"],
)
def test_a_damaged_centroid_is_refused(centroid, store):
    store.add([voice("Ana", [1, 0])])
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE voices SET centroid = ?", (centroid,))
    connection.close()

    with pytest.raises(VoicesError, match="is damaged: a centroid of 'Ana' is not a unit vector"):
        store.voices()


@pytest.mark.parametrize("value", ["speech_s = 'long'", "network = x'00'", "mode = x''"])
def test_a_value_of_another_type_is_refused(value, store):
    store.add([voice("Ana", [1, 0])])
    with sqlite3.connect(store.path) as connection:
        connection.execute(f"UPDATE voices SET {value}")
    connection.close()

    with pytest.raises(VoicesError, match="is damaged at the name 'Ana': a value of another type"):
        store.voices()


def test_a_damaged_file_is_refused_and_unchanged_wherever_the_damage(store):
    store.add([voice(f"person{n}", [1, n], file=f"{n}.wav") for n in range(40)])
    content = store.path.read_bytes()
    for seed in range(N_DAMAGED):
        rng = random.Random(seed)
        damaged = bytearray(content[: rng.randrange(len(content))] if seed % 4 == 0 else content)
        for _ in range(min(20, len(damaged))):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        store.path.write_bytes(damaged)
        try:
            store.voices()
            store.remove("nobody")
        except VoicesError:
            assert store.path.read_bytes() == damaged


def test_a_schema_that_is_not_text_is_refused(store):
    store.add([voice("Ana", [1, 0])])
    store.path.write_bytes(store.path.read_bytes().replace(b"CREATE TABLE", b"CREATE \xff\xfeBLE"))

    with pytest.raises(VoicesError, match="cannot be read"):
        store.voices()


def test_a_locked_file_is_reported_in_one_sentence(store, monkeypatch):
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.01)
    store.add([voice("Ana", [1, 0])])
    with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(FileError, match=r"cannot use .*: database is locked"):
            store.voices()
        with pytest.raises(FileError, match=r"cannot use .*: database is locked"):
            store.add([voice("Ben", [0, 1])])
    assert names(store) == ["Ana"]


@pytest.mark.parametrize("use", [lambda store: store.is_new, VoiceStore.voices])
def test_a_path_that_cannot_be_accessed_is_reported_in_one_sentence(use, tmp_path):
    with pytest.raises(FileError, match=r"cannot use .*: File name too long"):
        use(VoiceStore(tmp_path / ("x" * 300)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Ana María", "holds the name 'Ana María', expected 'Ana_María'"),
        ("SPEAKER_01", "got name 'SPEAKER_01', which is reserved"),
    ],
)
def test_a_name_of_another_tool_that_breaks_rttm_is_refused(name, words, store):
    store.add([voice("Ana", [1, 0])])
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE voices SET name = ?", (name,))
    connection.close()

    with pytest.raises(VoicesError, match=words):
        store.voices()


def test_a_read_only_folder_is_reported_in_one_sentence():
    with pytest.raises(FileError, match=r"cannot use /proc/self/voices\.db: "):
        VoiceStore(Path("/proc/self/voices.db")).add([voice("Ana", [1, 0])])


def test_an_empty_file_is_filled(store):
    store.path.touch()
    assert store.is_new

    store.add([voice("Ana", [1, 0])])

    assert not store.is_new
    assert names(store) == ["Ana"]
    assert VOICES.version == 1


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("Ana", "Ana"),
        ("Ana María", "Ana_María"),
        (" Ana \t B. ", "Ana_B."),
        ("Mari\u0301a", "Mar\u00eda"),  # as files on some systems are named
        ("王小明", "王小明"),
        ("می\u200cخ", "می\u200cخ"),
        ("Voice actor", "Voice_actor"),
    ],
)
def test_names_fit_rttm(given_name, kept):
    assert usable_name(given_name) == kept


@pytest.mark.parametrize(
    ("given_name", "words"),
    [
        ("", "got an empty name"),
        (" \n", "got an empty name"),
        ("a\x00b", "expected no control character"),
        ("a\udcff", "expected no control character"),
        ("a\u202eb", r"holds '\\u202e', expected no control character, direction mark or zero-"),
        ("é" * 101, "has 202 bytes, expected at most 200"),
        ("SPEAKER_00", "is reserved for speakers"),
        ("CH1 speaker 00", "is reserved for speakers"),
        ("VOICE_012", "is reserved for speakers"),
        ("<NA>", "is reserved for speakers"),
    ],
)
def test_names_that_break_rttm_or_are_reserved_are_refused(given_name, words):
    with pytest.raises(ValueError, match=words):
        usable_name(given_name)


@seeded(200)
@given(st.text())
def test_a_usable_name_is_one_field_and_stays_as_it_is(text):
    try:
        name = usable_name(text)
    except ValueError:
        return
    assert name.split() == [name]
    assert usable_name(name) == name

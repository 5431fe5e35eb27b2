from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inputs.recordings import (
    MAX_ID_BYTES,
    ListError,
    Recording,
    id_problem,
    parse_wav_scp,
    read_wav_scp,
    single_recording,
)


def parsed(text, data_dir=None):
    recordings, problems = parse_wav_scp(text.encode(), data_dir)
    assert problems == []
    return [(each.recording_id, str(each.path)) for each in recordings]


def problems_of(content):
    return parse_wav_scp(content if isinstance(content, bytes) else content.encode())[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a a.wav\nb b.wav\n", [("a", "a.wav"), ("b", "b.wav")]),
        ("a\ta.wav", [("a", "a.wav")]),
        ("a \t   a.wav  \n", [("a", "a.wav")]),
        ("  a a.wav\n", [("a", "a.wav")]),
        ("a my  long  talk.wav\n", [("a", "my  long  talk.wav")]),
        ("\n# a comment\n\na a.wav\n   \n", [("a", "a.wav")]),
        ("a a.wav\r\nb b.wav\r\n", [("a", "a.wav"), ("b", "b.wav")]),
        ("\ufeffa a.wav\n", [("a", "a.wav")]),
        ("é ü.wav\n", [("é", "ü.wav")]),
        # Only a line feed ends a line; Python's splitlines would break these names apart.
        ("a one\x0btwo.wav\nb x\u2028y.wav\n", [("a", "one\x0btwo.wav"), ("b", "x\u2028y.wav")]),
        (".hidden a.wav\n", [(".hidden", "a.wav")]),
        ("", []),
    ],
)
def test_lines_are_read_as_kaldi_writes_them_and_as_editors_leave_them(text, expected):
    assert parsed(text) == expected


def test_relative_paths_start_at_the_data_directory_and_absolute_ones_stay():
    assert parsed("a x/a.wav\nb /y/b.wav\n", data_dir="/data") == [
        ("a", "/data/x/a.wav"),
        ("b", "/y/b.wav"),
    ]


def test_recordings_know_their_line():
    recordings, _ = parse_wav_scp(b"# list\n\na a.wav\n")

    assert recordings == [Recording("a", Path("a.wav"), 3)]
    assert recordings[0].place == "line 3: "


def test_all_problems_are_listed_with_their_lines():
    problems = problems_of(
        "a a.wav\nalone\na again.wav\nx/y c.wav\nd sph2pipe -f wav d.sph |\n" + "e" * 251 + " e.wav"
    )

    assert [problem.split(":")[0] for problem in problems] == [
        "line 2", "line 3", "line 4", "line 5", "line 6",
    ]  # fmt: skip
    assert "'alone'" in problems[0]
    assert "'a' is also in line 1" in problems[1]
    assert "'x/y' holds '/'" in problems[2]
    assert "Kaldi pipe" in problems[3]
    assert "251 bytes, expected at most 250" in problems[4]


def test_bytes_that_are_not_utf8_are_named_with_their_line():
    assert problems_of(b"a a.wav\nb \xff.wav\n") == ["line 2: byte 0xff is not UTF-8"]


@pytest.mark.parametrize("recording_id", ["a", ".", "..", "é", "a.b-c_d", "x" * MAX_ID_BYTES])
def test_ids_that_can_be_file_names_are_fine(recording_id, tmp_path):
    assert id_problem(recording_id) is None
    (tmp_path / f"rttm_{recording_id}").touch()


@pytest.mark.parametrize(
    "recording_id", ["a b", "a\u00a0b", "a\tb", "a/b", "a\x00b", "a\x85b", "a\u202eb", "é" * 126]
)
def test_ids_that_cannot_be_sent_or_be_file_names_are_refused(recording_id):
    assert id_problem(recording_id) is not None


def test_one_file_gets_its_stem_as_id():
    assert single_recording("talks/call 7.final.wav", "/data") == Recording(
        "call_7.final", Path("/data/talks/call 7.final.wav")
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("My call.wav", "My_call"),
        ("a\u202egpj.wav", "a_gpj"),
        ("a\x00b.wav", "a_b"),
        ("a \t b.wav", "a_b"),
        ("x\udcffy.wav", "x_y"),
        (".wav", ".wav"),
    ],
)
def test_what_an_id_must_not_hold_becomes_an_underscore(name, expected):
    assert single_recording(name).recording_id == expected


def test_a_name_that_is_too_long_for_an_id_is_refused():
    with pytest.raises(ListError, match="expected at most 250"):
        single_recording("x" * 251 + ".wav")


def test_problems_name_the_list(tmp_path):
    path = tmp_path / "wav.scp"
    path.write_text("one\ntwo\n")

    with pytest.raises(ListError) as caught:
        read_wav_scp(path)

    assert [problem.startswith(f"{path}: line ") for problem in caught.value.problems] == [
        True,
        True,
    ]


def test_an_empty_list_is_refused(tmp_path):
    path = tmp_path / "wav.scp"
    path.write_text("# nothing yet\n")

    with pytest.raises(ListError, match="no recording"):
        read_wav_scp(path)


def test_a_recording_in_the_place_of_the_list_is_reported_in_one_sentence(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF\n\0\0\0\n\xff")

    with pytest.raises(ListError) as caught:
        read_wav_scp(tmp_path / "a.wav")

    (problem,) = caught.value.problems
    assert problem.endswith(
        "a.wav holds a NUL byte, expected a list as text; recordings go to --audio_file"
    )


def test_a_list_that_cannot_be_read_is_reported_in_one_sentence(tmp_path):
    with pytest.raises(ListError, match=r"cannot read .*wav\.scp: No such file"):
        read_wav_scp(tmp_path / "wav.scp")


ids = st.text(min_size=1, max_size=60).filter(
    lambda text: id_problem(text) is None and text[0] not in "#\ufeff"
)
paths = st.text(st.characters(exclude_characters="\n|", exclude_categories=["Cs"]), min_size=1)
paths = paths.map(str.strip).filter(bool)


@given(st.dictionaries(ids, paths, min_size=1), st.sampled_from([" ", "\t", "   "]))
def test_what_is_written_as_a_list_is_read_back(entries, gap):
    text = "".join(f"{recording_id}{gap}{path}\n" for recording_id, path in entries.items())

    recordings, problems = parse_wav_scp(text.encode())

    assert problems == []
    assert {each.recording_id: each.path for each in recordings} == {
        recording_id: Path(path) for recording_id, path in entries.items()
    }

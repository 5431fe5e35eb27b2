"""Every kind of manifest, and what is wrong with one."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpora.manifest import Item, read_manifest
from inputs.recordings import ListError

EXPECTED = [Item("one", "/a/x.wav", 1.5), Item("two", "s3://b/y.flac")]
ROWS = [{"id": "one", "path": "/a/x.wav", "duration": 1.5}, {"id": "two", "path": "s3://b/y.flac"}]
NEMO = [
    {"audio_filepath": "/a/one.wav", "offset": 0, "duration": 1.5, "label": "infer", "text": "-"},
    {"audio_filepath": "https://b/two.flac", "duration": None},
]
LHOTSE = [
    {
        "id": name,
        "sources": [{"type": kind, "channels": [0], "source": source}],
        "sampling_rate": 16000,
        "num_samples": 24000,
        "duration": 1.5,
    }
    for name, kind, source in (("one", "file", "/a/x.wav"), ("two", "url", "https://b/y.flac"))
]


@pytest.fixture(autouse=True)
def all_stores(monkeypatch):
    """As if packages for all stores were installed."""
    monkeypatch.setattr("corpora.manifest._problem_of", lambda scheme: "")


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def problems_of(path):
    with pytest.raises(ListError) as refused:
        read_manifest(str(path))
    return refused.value.problems


def test_wav_scp(tmp_path):
    path = tmp_path / "wav.scp"
    path.write_text("# a comment\none   /a/x y.wav \n\ntwo\ts3://b/y.flac\n")
    assert read_manifest(str(path)) == [Item("one", "/a/x y.wav"), Item("two", "s3://b/y.flac")]


def test_nemos_manifest(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(lines(NEMO))
    assert read_manifest(str(path)) == [
        Item("one", "/a/one.wav", 1.5),
        Item("two", "https://b/two.flac"),
    ]


def test_lhotses_recordings(tmp_path):
    path = tmp_path / "recordings.jsonl.gz"
    path.write_bytes(gzip.compress(lines(LHOTSE).encode()))
    assert read_manifest(str(path)) == [
        Item("one", "/a/x.wav", 1.5),
        Item("two", "https://b/y.flac", 1.5),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'id,path,duration\none,"/a/x.wav",1.5\ntwo,s3://b/y.flac,\n'),
        ("a.tsv", "recording\tlocation\tlength_s\none\t/a/x.wav\t1.5\ntwo\ts3://b/y.flac\t\n"),
        ("a.jsonl", lines(ROWS)),
    ],
)
def test_tables_of_text(name, text, tmp_path):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8-sig")
    assert read_manifest(str(path)) == EXPECTED


def test_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    assert read_manifest(str(path)) == EXPECTED


def test_a_folder_is_searched_to_its_depths_and_a_pattern_as_it_says(tmp_path):
    for name in ("a.wav", "day 1/a.flac", "day 1/.hidden.wav", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = read_manifest(str(tmp_path))
    assert [item.recording_id for item in found] == ["a", "day_1_a"]
    assert [item.location for item in found] == [
        str(tmp_path / "a.wav"),
        str(tmp_path / "day 1" / "a.flac"),
    ]
    assert [item.recording_id for item in read_manifest(f"{tmp_path}/*/*.flac")] == ["day_1_a"]


def test_relative_paths_start_where_they_are_said_to(tmp_path, monkeypatch):
    path = tmp_path / "wav.scp"
    path.write_text("one x.wav\n")
    monkeypatch.chdir(tmp_path)
    assert read_manifest("wav.scp") == [Item("one", str(tmp_path / "x.wav"))]
    assert read_manifest("wav.scp", "/a") == [Item("one", "/a/x.wav")]
    assert read_manifest("wav.scp", "s3://b/") == [Item("one", "s3://b/x.wav")]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.scp", "one\n", "line 1: got no path, expected one of the fields"),
        ("a.scp", "one sox x.wav - |\n", "line 1: got the Kaldi pipe 'sox x.wav - |'"),
        ("a.scp", "one a\none b\n", "recording id 'one' is that of"),
        ("a.scp", "a/b x.wav\n", "line 1: recording id 'a/b' holds '/'"),
        ("a.scp", "", "no recording in it"),
        ("a.jsonl", "{}\n[1]\n{\n", "line 3: expected an object of JSON"),
        ("a.jsonl", '{"path": "a", "duration": "long"}\n', "duration: got 'long', expected sec"),
        ("a.jsonl", '{"sources": []}\n', "line 1: sources: expected one file or URL with all"),
        (
            "a.jsonl",
            '{"sources": [{"type": "command", "source": "rm"}]}\n',
            "line 1: sources: got type 'command', expected file or url",
        ),
        ("a.csv", "name\nx\n", "line 2: got no path"),
        ("a.parquet", "no parquet", "cannot read"),
        ("a.docx", "", "expected a folder, a pattern, or a file that ends as .scp"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(name, text, problem, tmp_path):
    path = tmp_path / name
    path.write_text(text)
    problems = problems_of(path)
    assert any(problem in each for each in problems), problems
    assert all(str(path) in each for each in problems)


def test_a_missing_manifest_and_many_problems_are_short(tmp_path):
    assert "cannot read" in problems_of(tmp_path / "none.scp")[0]
    path = tmp_path / "wav.scp"
    path.write_text("".join(f"r{number}\n" for number in range(100)))
    problems = problems_of(path)
    assert len(problems) == 21
    assert problems[-1].endswith("and 80 more problems")


def test_a_store_whose_package_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.undo()
    path = tmp_path / "wav.scp"
    path.write_text("one s3://b/x.wav\ntwo nonsense://x\n")
    text = " ".join(problems_of(path))
    assert "s3://: Install s3fs to access S3" in text
    assert "nonsense://: Protocol not known" in text

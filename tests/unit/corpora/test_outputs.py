"""Tables, RTTM and manifests of a planted journal, read by other libraries."""

import gzip
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from corpora import outputs
from corpora.journal import Journal, packed
from corpora.outputs import failures, write_outputs

ROWS = np.array([[1, 0], [0, 1]], np.float32)


def entry(name, channel=1):
    return {
        "recording": name,
        "location": f"/a/{name}.wav",
        "audio_s": 3.0,
        "rttm": f"SPEAKER {name} {channel} 0.000 1.250 <NA> <NA> A <NA> <NA>\n"
        f"SPEAKER {name} {channel} 1.000 2.000 <NA> <NA> B <NA> <NA>\n"
        f"SPEAKER {name} {channel} 2.500 0.500 <NA> <NA> A <NA> <NA>\n",
        "confidences": [0.5, 0.75, 1.0],
        "speakers": ["A", "B"],
        "embeddings": packed(ROWS),
        "network": "net",
    }


def failed(name, reason="it is late"):
    return {"recording": name, "location": f"/a/{name}.wav", "failure": "late", "reason": reason}


@pytest.fixture
def folder(tmp_path):
    with Journal(tmp_path, {}) as journal:
        journal.add(failed("one"))
        journal.add(entry("one"))
        journal.add(failed("three"))
        journal.add(entry("two", channel=2))
        journal.add(failed("three", "it is later"))
        journal.add({**entry("silent"), "rttm": "", "confidences": [], "speakers": [],
                     "embeddings": []})  # fmt: skip
    return tmp_path


def rows(folder, name):
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def test_the_tables_hold_every_turn_and_speaker_once(folder):
    write_outputs(folder, {("one", "A"): "VOICE_1"}, ())
    turns = rows(folder, "turns")
    assert len(turns) == 6
    assert turns[0] == {
        "recording": "one", "start": 0.0, "end": 1.25, "speaker": "VOICE_1", "confidence": 0.5,
        "channel": 1,
    }  # fmt: skip
    assert {turn["channel"] for turn in turns if turn["recording"] == "two"} == {2}
    speakers = rows(folder, "speakers")
    assert [(each["recording"], each["speaker"], each["own_name"]) for each in speakers] == [
        ("one", "VOICE_1", "A"), ("one", "B", "B"), ("two", "A", "A"), ("two", "B", "B"),
    ]  # fmt: skip
    assert [each["talk_time"] for each in speakers[:2]] == [1.75, 2.0]
    assert speakers[1]["embedding"] == [0.0, 1.0]
    assert speakers[0]["network"] == "net"


def test_failures_are_those_that_have_no_result_with_their_last_reason(folder):
    write_outputs(folder, {}, ())
    assert rows(folder, "failures") == [failed("three", "it is later")]
    assert [*failures(folder)] == ["three"]


def test_rttm_is_in_shards(folder, monkeypatch):
    monkeypatch.setattr(outputs, "RECORDINGS_PER_SHARD", 2)
    write_outputs(folder, {}, ())
    shards = sorted((folder / "rttm").iterdir())
    assert [path.name for path in shards] == ["00000.rttm", "00001.rttm"]
    assert shards[0].read_text() == entry("one")["rttm"] + entry("two", 2)["rttm"]
    assert shards[1].read_text() == ""


def test_segments_for_nemo_and_lhotse(folder):
    write_outputs(folder, {}, ("nemo", "lhotse"))
    nemo = [json.loads(line) for line in (folder / "nemo.jsonl").read_text().splitlines()]
    assert len(nemo) == 6
    assert nemo[1] == {
        "audio_filepath": "/a/one.wav", "offset": 1.0, "duration": 2.0, "label": "B", "text": "-",
    }  # fmt: skip
    text = gzip.decompress((folder / "supervisions.jsonl.gz").read_bytes()).decode()
    lhotse = [json.loads(line) for line in text.splitlines()]
    assert lhotse[3] == {
        "id": "two-00000", "recording_id": "two", "start": 0.0, "duration": 1.25, "channel": 1,
        "speaker": "A",
    }  # fmt: skip
    write_outputs(folder, {}, ())
    assert not (folder / "nemo.jsonl").exists()


def test_leftovers_of_a_killed_run_do_no_harm(folder):
    write_outputs(folder, {}, ())
    before = {path.name for path in folder.iterdir()}
    (folder / ".new").mkdir()
    (folder / ".new" / "turns.parquet").write_text("half")
    write_outputs(folder, {}, ())
    assert {path.name for path in folder.iterdir()} == before
    assert len(rows(folder, "turns")) == 6

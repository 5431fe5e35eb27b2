"""The AsyncAPI document lists the frames that the gateway takes and sends; so does the page."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
import soundfile

from gateways import KEY, serving
from live_streams import streaming
from server.triton_server import ROOT

TAKEN = {"start", "resume", "audio", "end"}
SENT = {"started", "ack", "turn", "relabel", "progress", "result", "error"}
SECTION = (ROOT / "docs" / "web.md").read_text().partition("## Live audio\n")[2].split("\n## ")[0]


@pytest.fixture
def document(gateway):
    return gateway.get("/asyncapi.json").json()


def named(document, operation):
    """The messages of an operation, by the references that lead to them."""
    messages = {}
    for reference in document["operations"][operation]["messages"]:
        in_channel = followed(document, reference)
        messages[reference["$ref"].rpartition("/")[2]] = followed(document, in_channel)
    return messages


def followed(document, reference):
    for part in reference["$ref"].removeprefix("#/").split("/"):
        document = document[part]
    return document


def test_every_frame_is_listed(document):
    assert document["asyncapi"] == "3.0.0"
    assert document["channels"]["stream"]["address"] == "/v1/stream"
    assert set(named(document, "receiveFrames")) == TAKEN
    assert set(named(document, "sendFrames")) == SENT
    assert set(document["components"]["messages"]) == TAKEN | SENT


def test_every_frame_is_on_the_page():
    for kind in (TAKEN | SENT) - {"audio"}:
        assert re.search(rf"^\|.*`{kind}`.*\|", SECTION, re.M), kind


@pytest.mark.parametrize("kind", sorted(SENT | TAKEN - {"audio"}))
def test_a_frame_has_a_valid_schema_of_its_type(kind, document):
    schema = document["components"]["messages"][kind]["payload"]

    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["type"]["const"] == kind
    assert "$ref" not in json.dumps(schema)


def test_frames_match_their_schemas(gateway, document):
    sent = [
        {"type": "start", "rate_hz": 8000, "latency_s": "1", "max_speakers": 2, "exclusive": True},
        {"type": "end"},
    ]
    with streaming(gateway.url) as stream:
        stream.send(sent[0]["type"], **sent[0])
        stream.say(np.zeros(8000, np.int16))
        stream.send("end")
        stream.close_code()
    sent.append({"type": "resume", "session": stream.frames[0]["session"], "last_seq": 1})
    with streaming(gateway.url) as wrong:
        wrong.send("start", rate_hz=1)
        wrong.close_code()

    frames = [*sent, *stream.frames, *wrong.frames]
    assert {frame["type"] for frame in frames} == (TAKEN | SENT) - {"audio", "relabel"}
    for frame in frames:
        schema = document["components"]["messages"][frame["type"]]["payload"]
        jsonschema.validate(frame, {**schema, "additionalProperties": False})


def test_a_key_is_in_the_document_where_one_is_needed(document, settings):
    assert "security" not in document["operations"]["receiveFrames"]

    own = {"api_keys": (KEY.encode(),), "work_dir": settings.work_dir / "guarded"}
    with serving(replace(settings, **own)) as guarded:
        (bearer, key) = guarded.get("/asyncapi.json").json()["operations"]["receiveFrames"][
            "security"
        ]
    assert bearer["scheme"] == "bearer"
    assert key["name"] == "X-API-Key"


def test_the_example_of_the_page_prints_the_events(gateway, live, tmp_path):
    (program,) = re.findall(r"^```python\n(.*?)^```$", SECTION, re.M | re.S)
    samples = np.arange(20_000, dtype=np.int16)
    soundfile.write(tmp_path / "talk.wav", samples, 8000)

    done = subprocess.run(
        [sys.executable, "-c", program.replace("127.0.0.1:8080", gateway.url.partition("//")[2])],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "'type': 'result'" in done.stdout.splitlines()[-1]
    np.testing.assert_array_equal(live.only.audio, samples)

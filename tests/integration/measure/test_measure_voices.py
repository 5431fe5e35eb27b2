"""measure_voices.py against a server that speaks Triton's protocol and knows the voices."""

import re

import numpy as np
import pytest
import soundfile

from integration.planted_answers import answering
from measure import measure_voices
from measure.kit.report import marks

RATE_HZ = 16_000
VOICES = {"ana": np.eye(3)[0], "ben": np.eye(3)[1]}
TALKS = {"r1": ["ana", "ben"], "r2": ["ben", "ana"]}
TURN_S = 10.0


@pytest.fixture
def root(tmp_path):
    """A set of two talks: two people, ten seconds each."""
    folder = tmp_path / "sets" / "sim"
    folder.mkdir(parents=True)
    for name, people in TALKS.items():
        soundfile.write(folder / f"{name}.wav", np.zeros(round(2 * TURN_S) * RATE_HZ), RATE_HZ)
        (folder / f"{name}.rttm").write_text(
            "".join(
                f"SPEAKER {name} 1 {n * TURN_S} {TURN_S} <NA> <NA> {who} <NA> <NA>\n"
                for n, who in enumerate(people)
            )
        )
    return tmp_path / "sets"


def reply(call):
    """Finds all people in a talk, in its own order, and the right voice of a person alone."""
    _, source, part, *alone = call.recording_id.split("-")
    halves = {"whole": [0, 1], "first": [0], "second": [1]}[part]
    people = [TALKS[source][n] for n in ([int(alone[0])] if alone else halves)]
    voices = [(f"SPEAKER_{n:02d}", VOICES[who]) for n, who in enumerate(people)]
    return answering({call.recording_id: voices}, turn_s=TURN_S)(call)


def run(triton, root, *arguments):
    return measure_voices.main(["--url", triton.url, "--root", str(root), *arguments])


def test_perfect_voices_give_a_page_without_errors(triton, root, tmp_path, monkeypatch, capsys):
    begin, end = marks("measured")
    target = tmp_path / "voices.md"
    target.write_text(f"kept\n{begin}{end}")
    monkeypatch.setattr(measure_voices, "PAGE", target)
    triton.reply = reply

    assert run(triton, root, "--docs") == 0

    text = capsys.readouterr().out
    assert target.read_text() == f"kept\n{begin}{text[:-1]}{end}"
    row = re.search(r"^\| another recording \| +8 s \|(.*)\|$", text, re.M)[1]
    people, genuine, _, impostors, _, error, rejects, accepts = map(str.strip, row.split("|"))
    assert (people, genuine, impostors) == ("2", "4", "8")
    assert error.startswith("0.00 %")
    assert (rejects, accepts) == ("0.00 % (0)", "0.00 % (0)")
    assert re.search(r"^\| 0.55 +\| +4 \| +0 \| +0 \| +0 \| +0 \|$", text, re.M)  # named
    assert re.search(r"^\| sim +\| +2 \| +2 \| +2 \| +2 of 2 \| +0 of 2 \|$", text, re.M)  # linked
    assert re.search(r"^\| of several people +\| +2 \| +2 \|$", text, re.M)


def test_a_failed_recording_ends_the_run(triton, root, capsys):
    triton.reply = lambda _: {"INFO": "{}"}

    assert run(triton, root) == 1
    assert "the answer holds no RTTM" in capsys.readouterr().err


def test_a_folder_without_sets_is_refused(triton, tmp_path, capsys):
    assert run(triton, tmp_path) == 2
    assert "no sub-folder of" in capsys.readouterr().err


def test_a_root_is_needed(capsys):
    with pytest.raises(SystemExit) as caught:
        measure_voices.main([], environment={})

    assert caught.value.code == 2
    assert "are required: --root" in capsys.readouterr().err

"""Another program run beside the service: its command, its time, how it fails."""

import shlex
import sys
from pathlib import Path

import pytest

from measure.benchmarking.peer import Peer, PeerError, PeerProgram, parsed_peer
from measure.benchmarking.runs import Material

PYTHON = shlex.quote(sys.executable)
MATERIAL = Material(30.0, Path("a.flac"), Path("/with space/a.wav"))


def test_a_command_may_hold_equals_signs_and_braces():
    peer = parsed_peer("other=X=1 run ${HOME} {audio} > {output}")

    assert peer.name == "other"
    line = peer.line(Path("/a b/c.wav"), Path("/out"))
    assert line == "X=1 run ${HOME} '/a b/c.wav' > /out"


@pytest.mark.parametrize("text", ["", "other", "other=", "=run {audio}", "other=run"])
def test_what_is_no_peer_is_refused(text):
    with pytest.raises(PeerError, match="expected"):
        parsed_peer(text)


def test_a_command_gets_both_files_and_its_memory_is_seen(tmp_path):
    program = (
        "import sys, time; sys.stdout.write(sys.argv[1]); x = b'1' * 50_000_000; time.sleep(1)"
    )
    command = f"{PYTHON} -c {shlex.quote(program)} {{audio}} > {{output}}"

    run = PeerProgram(Peer("other", command), tmp_path, timeout_s=60).run(MATERIAL)

    assert run.failure is None
    assert run.wall_s > 0.9
    assert run.peak_bytes > 50_000_000
    assert (tmp_path / "peer_output").read_text() == "/with space/a.wav"


@pytest.mark.parametrize(
    ("command", "failure"),
    [
        ("echo one >&2; echo no model >&2; exit 3 # {audio}", "ended with status 3: no model"),
        ("exit 1 # {audio}", "ended with status 1"),
        ("sleep 60 # {audio}", "no end within 0.2 s (--timeout)"),
    ],
)
def test_failures_are_told(tmp_path, command, failure):
    run = PeerProgram(Peer("other", command), tmp_path, timeout_s=0.2).run(MATERIAL)

    assert run.failure == failure

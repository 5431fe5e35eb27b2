"""The soak against the real server: no answer of many clients is wrong or lost."""

import json
import subprocess
import sys

import pytest

from server.triton_server import ROOT

pytestmark = pytest.mark.triton


def soak(folder, *arguments, timeout_s):
    command = [
        sys.executable,
        str(ROOT / "scripts" / "measure" / "soak.py"),
        "--output",
        str(folder),
    ]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, timeout=timeout_s
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "soak.json").read_text())


def sent_and_answered(load):
    return load["n_sent"], sum(sum(counts.values()) for counts in load["counts"].values())


@pytest.mark.slow
def test_a_short_load_finds_no_problem(tmp_path):
    found = soak(tmp_path, "--quick", "--minutes=0.1", "--phases", "load", timeout_s=280)
    assert found["problems"] == []
    assert found["load"]["n_clients"] == 16
    assert {"good", "bad"} <= set(found["load"]["counts"])
    n_sent, n_outcomes = sent_and_answered(found["load"])
    assert n_sent == n_outcomes > 16


@pytest.mark.slow
@pytest.mark.timeout(4500)
def test_all_phases_find_no_problem(tmp_path):
    found = soak(tmp_path, timeout_s=4400)
    assert found["attacks"]["n_answered"] > 8
    assert [each["n_different"] for each in found["repeats"]] == [1, 1]
    assert found["problems"] == []
    assert found["load"]["wall_s"] >= 900
    n_sent, n_outcomes = sent_and_answered(found["load"])
    assert n_sent == n_outcomes

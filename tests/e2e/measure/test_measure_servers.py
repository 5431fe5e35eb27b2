"""The throughput of real servers, direct and behind Envoy."""

import json
import os

import pytest

from measure import measure_servers

pytestmark = [pytest.mark.triton, pytest.mark.slow]


def test_one_server_and_all_are_measured_in_both_ways(tmp_path, capsys):
    words = ["--clients", "1", "2", "--requests", "2", "--rounds", "1", "--output", str(tmp_path)]
    assert measure_servers.main(words) == 0
    n_most = len(os.sched_getaffinity(0))
    figures = json.loads((tmp_path / "servers.json").read_text())["figures"]
    assert [(each["servers"], each["way"]) for each in figures] == [
        (n_servers, way) for _ in "12" for n_servers in {1, n_most} for way in ("direct", "Envoy")
    ]
    assert all(
        each["failures"] == [] and min(map(len, each["latencies_s"])) == 2 for each in figures
    )
    page = (tmp_path / "benchmark-servers.md").read_text()
    assert page.count("\n| ") == 2 + len(figures)
    assert page.strip() in capsys.readouterr().out


def test_more_servers_than_cores_are_refused(capsys):
    with pytest.raises(SystemExit):
        measure_servers.main(["--servers", "1000"])
    assert "got 1000, expected a core for each of them" in capsys.readouterr().err

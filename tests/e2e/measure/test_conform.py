"""conform.py against the real server, past the proxy, which lets clients call two models only."""

from dataclasses import replace

import pytest

from measure import conform
from measure.conforming import checks
from server.flags import SOCKET_PORT, flag_value
from server.processes import command_line

pytestmark = pytest.mark.triton


@pytest.fixture
def url(server, monkeypatch):
    """Address at which all models can be called; the checks are made small."""
    monkeypatch.setattr(checks, "BATCHES", (1, 3))
    monkeypatch.setattr(checks, "N_AT_ONCE", 8)
    return flag_value(command_line(server.pid), "--grpc-address", "") + SOCKET_PORT


def test_the_embedded_server_conforms(url, capsys):
    status = conform.main(["--url", url])

    table = capsys.readouterr().out
    assert (status, "FAIL" in table) == (0, False), table
    assert "37 checks, 0 failed" in table


def test_a_net_that_is_off_is_found(url):
    (*_, sad), _ = conform.prepare()

    def off(values):
        return {name: each + 1e-3 for name, each in sad.golden(values).items()}

    with checks.Server(url, conform.TIMEOUT_S) as server:
        found = list(conform.check_nets([replace(sad, golden=off)], server, single=True))

    failed = {check.name: check.got for check in found if not check.passed}
    assert list(failed) == [
        "sad: 1 x 16000", "sad: 3 x 16000", "sad: 1 x 300", "sad: 1 x 32123", "sad: with a state",
        "sad: beside a row of NaN",
    ]  # fmt: skip
    assert all(got.startswith("off by 1.") for got in failed.values())

"""One real Triton server for all tests of a run, as serve.sh and quickstart start it."""

import os

import pytest

from triton_server import ROOT, TritonServer

os.environ["no_proxy"] = "127.0.0.1"  # the tests' own calls stay on this machine


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with TritonServer(tmp_path_factory.mktemp("triton") / "tritonserver.log") as running:
        yield running


@pytest.fixture(scope="session")
def sample():
    """The sample recording: 30 s, two speakers, a reference beside it; set-up fetches it."""
    return ROOT / "data" / "sample" / "sample.wav"

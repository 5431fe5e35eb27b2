"""One real Triton server for all tests of a process, as serve.sh and quickstart start it."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from e2e.browser import HEIGHT, WIDTH, Visit, chromium
from gateways import serving
from server.triton_server import ROOT, TritonServer
from web.settings import Settings

os.environ["no_proxy"] = "127.0.0.1"  # the tests' own calls stay on this machine


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with TritonServer(tmp_path_factory.mktemp("triton") / "tritonserver.log") as running:
        yield running


@pytest.fixture(scope="session")
def sample():
    """The sample recording: 30 s, two speakers, a reference beside it; set-up fetches it."""
    return ROOT / "data" / "sample" / "sample.wav"


@pytest.fixture
def simulated():
    """The simulated set of the evaluation audio, where there is some."""
    folder = Path(os.environ.get("DIARIZATION_EVAL_DIR", "")) / "sim"
    if "DIARIZATION_EVAL_DIR" not in os.environ or not folder.is_dir():
        pytest.skip("DIARIZATION_EVAL_DIR names no folder of evaluation audio with a set `sim`")
    return folder


@pytest.fixture
def mp3(sample, tmp_path):
    """The sample as an mp3 file with a space in its name."""
    samples, rate_hz = soundfile.read(sample)
    path = tmp_path / "Our call.mp3"
    soundfile.write(path, samples, rate_hz, format="MP3")
    return path


@pytest.fixture
def settings(tmp_path):
    """Settings of a gateway, without a server yet."""
    return Settings(tmp_path / "work", rate_per_minute=0)


@pytest.fixture
def gateway(server, settings):
    with serving(replace(settings, url=server.url)) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    """Ended with the module: Playwright keeps an event loop running in this thread meanwhile."""
    with chromium() as running:
        yield running


@pytest.fixture
def visit(browser):
    """A function that opens a page in its own browser profile; the page must log no errors.

    Options are Playwright's of `new_context`, such as `color_scheme="dark"`.
    """
    visits = []

    def open_page(url, width=WIDTH, height=HEIGHT, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        visits.append(Visit(context.new_page()))
        visits[-1].page.goto(str(url))
        return visits[-1]

    yield open_page
    complaints = [each for visit in visits for each in visit.complaints]
    for each in visits:
        each.page.context.close()
    assert complaints == []

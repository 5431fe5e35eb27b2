"""Jobs in a state that a test needs, and the model of live audio."""

import threading

import pytest

from integration.client_fake_live import FakeLive
from integration.client_fake_server import one_turn


@pytest.fixture
def held(triton):
    """Triton answers only after this is set."""
    event = threading.Event()
    triton.reply = lambda call: event.wait(60) and one_turn(call)
    yield event
    event.set()


@pytest.fixture
def job(gateway, wav):
    """A job that is done; its path."""
    path = gateway.start(wav("call.wav"))
    assert gateway.ended(path)["state"] == "done"
    return path


@pytest.fixture
def live():
    """The model `stream`."""
    with FakeLive() as running:
        yield running

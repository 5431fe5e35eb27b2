"""A gateway in front of the model of live audio, and a WebSocket to it."""

from dataclasses import replace

import pytest

from live_streams import streaming


@pytest.fixture
def settings(settings, live):
    return replace(settings, url=live.url)


@pytest.fixture
def stream(gateway):
    with streaming(gateway.url) as connection:
        yield connection

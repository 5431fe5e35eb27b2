"""What many unit tests need."""

import pytest

from turned_clock import Clock


@pytest.fixture
def clock():
    return Clock()

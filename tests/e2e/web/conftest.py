"""A browser with a microphone of its own."""

import pytest
import soundfile

from e2e.browser import Visit, launched


@pytest.fixture
def speech(sample, tmp_path):
    """A part of the sample in which both speak, as the fake microphone takes it."""
    samples, rate_hz = soundfile.read(sample, dtype="int16")
    path = tmp_path / "microphone.wav"
    soundfile.write(path, samples[8 * rate_hz : 24 * rate_hz], rate_hz)
    return path


@pytest.fixture
def opened(browser):
    """A function that opens an address in a browser with these flags."""
    started = []

    def open_page(url, *flags):
        another = launched(browser.browser_type, *flags)
        started.append(another)
        seen = Visit(another.new_page())
        seen.page.goto(url)
        return seen

    yield open_page
    for each in started:
        each.close()

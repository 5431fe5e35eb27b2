"""A real browser that looks at pages: headless Chromium, the system's own."""

import contextlib
import os
import shutil
import time
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from server.triton_server import ROOT

SCREENSHOTS = ROOT / "output" / "screenshots"
WIDTH, HEIGHT, PHONE_WIDTH = 1280, 900, 375
FAKE_DEVICE = "--use-fake-device-for-media-stream"
GRANTED = "--use-fake-ui-for-media-stream"
POLL_MS = 20
PATIENCE_S = 20.0

expect.set_options(timeout=1000 * PATIENCE_S)


@contextlib.contextmanager
def chromium():
    """A running browser; the test is skipped where the system has none."""
    with sync_playwright() as playwright:
        browser = launched(playwright.chromium)
        try:
            yield browser
        finally:
            browser.close()


def launched(kind, *flags):
    """Start a browser of a kind, such as another browser's `browser_type`."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("the test looks at pages in a browser: install it, `apt-get install chromium`")
    for_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return kind.launch(executable_path=program, args=[*for_root, *flags])


def fake_microphone(path):
    """Flags for a microphone that may be used and hears this file, over and over."""
    return FAKE_DEVICE, GRANTED, f"--use-file-for-fake-audio-capture={path}"


@dataclass
class Visit:
    """A page, what it complained about, and what it asked for beside itself."""

    page: Page
    complaints: list = field(default_factory=list)
    requests: list = field(default_factory=list)

    def __post_init__(self):
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _heard(self, message):
        if message.type == "error":
            self.complaints.append(message.text)

    def until(self, condition, what):
        """Poll until `condition()` is true; returns its value."""
        end_s = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            assert time.monotonic() < end_s, f"waited {PATIENCE_S:g} s for: {what}"
            self.page.wait_for_timeout(POLL_MS)
        return found

    def screenshot(self, name):
        """Keep a picture of all of the page as test output, git-ignored."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path, full_page=True)
        return path


def contrast(page, foreground, background):
    """WCAG's contrast ratio of two elements' CSS colours such as `rgb(1, 2, 3)`."""
    dark, light = sorted(_luminance(page, each) for each in (foreground, background))
    return (light + 0.05) / (dark + 0.05)


def _luminance(page, colour):
    rgb = page.evaluate(
        """colour => {
            const context = document.createElement("canvas").getContext("2d");
            context.fillStyle = colour;
            context.fillRect(0, 0, 1, 1);
            return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
        }""",
        colour,
    )
    linear = [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (x / 255 for x in rgb)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

"""What users do in the web page, and what they read there."""

import base64
import json
from urllib.parse import urlsplit

from playwright.sync_api import expect

from e2e.report_view import READY, run, value

SLOW_BYTES_PER_S = 400_000


def choose(page, *files):
    """Pick files, as by the browser's own dialog."""
    page.get_by_label("Files", exact=True).set_input_files(list(files))


def drop(page, file):
    """Drop a file on the page, as from the desktop."""
    page.evaluate(
        """([name, base64]) => {
            const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], name));
            for (const type of ["dragover", "drop"]) {
                const init = { dataTransfer, bubbles: true, cancelable: true };
                document.body.dispatchEvent(new DragEvent(type, init));
            }
        }""",
        [file.name, base64.b64encode(file.read_bytes()).decode()],
    )


def start(page, *files):
    choose(page, *files)
    page.get_by_role("button", name="Start").click()


def ready(page):
    """Wait for the result with its sound."""
    page.locator(READY).wait_for(timeout=120_000)


def job_of(page):
    """Path of the job that the page shows, whose id is in the address."""
    job_id = urlsplit(page.url).fragment
    assert len(job_id) == 43
    return f"/v1/jobs/{job_id}"


def saved(page):
    expect(page.locator(".saved")).to_have_text("All changes saved")


def shown_turns(page):
    """(begin s, end s, speaker) of the turns in the viewer."""
    turns = value(page, "view.turns")
    return [(turn["start_s"], turn["end_s"], turn["speaker"]) for turn in turns]


def kept_turns(gateway, job):
    """The same for the turns stored by the gateway."""
    turns = gateway.get(f"{job}/result").json()["turns"]
    return [(turn["start_s"], turn["end_s"], turn["speaker"]) for turn in turns]


def choose_turn(page, index):
    """Choose a turn in the list, by keyboard, so that nothing plays."""
    turns = page.get_by_role("listbox", name="Turns")
    turns.focus()
    page.keyboard.press("Home")
    for _ in range(index):
        page.keyboard.press("ArrowDown")


def go_to(page, time_s):
    """Move the playhead."""
    run(page, "view.seek(given)", time_s)


def download(page, name):
    """Fetch a file by its entry in the menu; its suggested name and its text."""
    if page.locator("details.menu").get_attribute("open") is None:
        page.locator("details.menu summary").click()
    with page.expect_download() as pending:
        page.locator("details.menu a", has_text=name).first.click()
    return pending.value.suggested_filename, pending.value.path().read_text(encoding="utf-8")


def slow_down(page):
    """Throttle uploads."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": SLOW_BYTES_PER_S,
        },
    )
    return session


def watch_text(page, selector):
    """Collect every text that an element has from now on; ask with `watched`."""
    page.evaluate(
        """selector => {
            globalThis.seenTexts = [];
            new MutationObserver(() => {
                const text = document.querySelector(selector)?.textContent;
                if (text && seenTexts.at(-1) !== text) seenTexts.push(text);
            }).observe(document.body, {subtree: true, childList: true, characterData: true});
        }""",
        selector,
    )


def watched(page):
    return page.evaluate("() => seenTexts")


def own_requests(seen, url):
    """Addresses that the page asked for beyond its own origin."""
    return [each for each in seen.requests if not each.startswith((url, "data:", f"blob:{url}"))]


def remembered(page):
    """Ids of jobs that this browser knows."""
    kept = page.evaluate("() => localStorage.getItem('diarization-recordings')")
    return [each["id"] for each in json.loads(kept or "[]")]


def forgive(seen, *words):
    """Ignore the errors that the browser itself logs for error responses."""
    expected = ("Failed to load resource", *words)
    seen.complaints[:] = [each for each in seen.complaints if not each.startswith(expected)]

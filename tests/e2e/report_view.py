"""Make reports of given turns, and read what a report or the web page shows."""

import pytest
import soundfile

import report
from report_cases import rttm

VIEW = "document.querySelector('.diarization-view').diarizationView"
RATE_HZ = 16_000
ROWS = [(0.5, 4, "anna"), (3, 6, "ben"), (7, 12, "anna"), (12.5, 19, "ben")]
TRUE_ROWS = [(0.5, 5, "x"), (5, 6.5, "y"), (7, 12, "x"), (12, 19, "y"), (14, 15, "z")]
READY = ".transport button.primary:enabled"  # the sound is there, so lanes are


def make_report(folder, name, samples, rows, true_rows=None):
    """Make a report of samples and turns in this folder; returns its path."""
    soundfile.write(folder / f"{name}.wav", samples, RATE_HZ)
    arguments = [folder / f"{name}.wav", folder / "turns.rttm"]
    (folder / "turns.rttm").write_text(rttm("id", *rows))
    if true_rows is not None:
        (folder / "ref.rttm").write_text(rttm("id", *true_rows))
        arguments.append(f"--reference={folder / 'ref.rttm'}")
    output = folder / "page.html"
    assert report.main([*map(str, arguments), f"--output={output}"]) == 0
    return output


def opened(visit, path, **options):
    """Open a report and wait until it is ready; returns the visit."""
    seen = visit(path.as_uri(), **options)
    seen.page.locator(READY).wait_for()
    return seen


def run(page, script, given=None):
    """Run JavaScript in which `view` is the DiarizationView; returns what it returns."""
    return page.evaluate(f"async given => {{ const view = {VIEW}; {script} }}", given)


def value(page, expression):
    """The value of a JavaScript expression with `view`."""
    return run(page, f"return {expression};")


def time_s(page):
    return value(page, "view.time_s")


def is_playing(page):
    return value(page, "view.player.isPlaying")


def lanes(page):
    """Label, kind and (start s, end s) of every lane's blocks, from their pixels."""
    return run(
        page,
        """
        const labels = [...document.querySelectorAll(".label .name")];
        const { px_per_s } = view.timeline.scale;
        return [...document.querySelectorAll(".track")].map((track, number) => ({
            label: labels[number].textContent,
            kind: [...track.classList].find((name) => name.startsWith("lane-")).slice(5),
            times: [...track.children].map((block) => {
                const left = parseFloat(block.style.left);
                return [left / px_per_s, (left + parseFloat(block.style.width)) / px_per_s];
            }),
        }));
        """,
    )


def same_times(shown, expected):
    """Whether these are the same stretches; the shortest blocks are two pixels wide."""
    return len(shown) == len(expected) and all(
        pair == pytest.approx(wanted, abs=0.08)
        for pair, wanted in zip(shown, expected, strict=True)
    )


def table_cells(page):
    """Texts of the talk-time table, row by row."""
    rows = page.locator("table tr").all()
    return [[cell.strip() for cell in row.locator("th, td").all_text_contents()] for row in rows]

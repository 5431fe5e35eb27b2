"""What stands in a report's page, read out of its elements and its public class."""

import pytest

READY = ".transport button.primary:enabled"  # the sound is there, so lanes are


def opened(visit, path, **options):
    """Open a report and wait until it is ready; returns the visit."""
    seen = visit(path.as_uri(), **options)
    seen.page.locator(READY).wait_for()
    return seen


def value(page, expression):
    """Evaluate JavaScript in which `view` is the DiarizationView."""
    return page.evaluate(f"() => {{ const view = diarizationView; return {expression}; }}")


def time_s(page):
    return value(page, "view.time_s")


def is_playing(page):
    return value(page, "view.player.isPlaying")


def lanes(page):
    """Label, kind and (begin s, end s) of every lane's elements, by their place in pixels."""
    return page.evaluate(
        """() => {
            const labels = [...document.querySelectorAll(".label .name")];
            return [...document.querySelectorAll(".track")].map((track, number) => ({
                label: labels[number].textContent,
                kind: [...track.classList].find((name) => name.startsWith("lane-")).slice(5),
                times: [...track.children].map((block) => {
                    const left = parseFloat(block.style.left);
                    const px_per_s = diarizationView.timeline.scale.px_per_s;
                    return [left / px_per_s, (left + parseFloat(block.style.width)) / px_per_s];
                }),
            }));
        }"""
    )


def same_times(shown, expected):
    """Whether these are the same stretches, but for the two pixels that the shortest are wide."""
    return len(shown) == len(expected) and all(
        pair == pytest.approx(wanted, abs=0.08)
        for pair, wanted in zip(shown, expected, strict=True)
    )


def table_cells(page):
    """Texts of the talk-time table, row by row."""
    rows = page.locator("table tr").all()
    return [[cell.strip() for cell in row.locator("th, td").all_text_contents()] for row in rows]

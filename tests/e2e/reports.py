"""Reports of planted turns, made by the command."""

import soundfile

import report
from report_cases import rttm

RATE_HZ = 16_000
ROWS = [(0.5, 4, "anna"), (3, 6, "ben"), (7, 12, "anna"), (12.5, 19, "ben")]
TRUE_ROWS = [(0.5, 5, "x"), (5, 6.5, "y"), (7, 12, "x"), (12, 19, "y"), (14, 15, "z")]


def made_report(folder, name, samples, rows, true_rows=None):
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

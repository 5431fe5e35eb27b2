"""What the progress bar of a corpus counts."""

from argparse import Namespace

import pytest

import corpus
from corpora.manifest import Item


@pytest.mark.parametrize(("by_hours", "text"), [(True, " 0.5/2.0 h ["), (False, " 1/2 [")])
def test_the_bar_counts_hours_or_recordings(by_hours, text, monkeypatch, capfd):
    monkeypatch.setattr("corpus.is_interactive", lambda quiet: True)
    items = [Item("a", "x", 1800.0), Item("b", "x", 5400.0)]
    with corpus._bar(items, by_hours, Namespace(quiet=False)) as bar:
        bar.update(corpus._size(items[0]) if by_hours else 1)
        bar.refresh()
    assert text in capfd.readouterr().err


def test_the_rate_is_that_of_the_audio(monkeypatch):
    monkeypatch.setattr("time.monotonic", lambda: 1800.0)
    assert corpus._rate(7200.0, started_s=0.0) == "2.00 hours of audio, 4 hours per hour"

"""The most turns and names that the gateway holds: every format takes seconds and linear time."""

import time

import pytest

from formats import FORMATS, RTTM
from formats.result import Result, Turn
from viewer.page import build_page
from viewer.sound import Outline
from web.jobs.results import MAX_TURNS, corrected_rttm

REPORT = "report"
N_NAMES = 10_000  # more than a correction may have
MOST_S = 3.0  # on a free core it takes less than 1 s
MOST_GROWTH, NOISE_S = 25, 0.02  # of ten times as much: 10 is linear, 100 a square


def result(n_turns, n_names, length_ms=150):
    """Turns that begin every 100 ms, of one speaker after another; by default two talk at once."""
    turns = (Turn(100 * n, 100 * n + length_ms, f"S{n % n_names}", 0.5) for n in range(n_turns))
    return Result("a", tuple(turns), 100 * n_turns + length_ms, "full")


def report(made):
    return build_page(made, None, Outline(made.audio_ms, bytes(10)), b"")


TEXTS = {token: each.text for token, each in FORMATS.items()}
WRITERS = {REPORT: report, RTTM: corrected_rttm, **TEXTS}


def seconds(write, made):
    """CPU time, which does not depend on other processes."""
    before_s = time.process_time()
    assert write(made)
    return time.process_time() - before_s


@pytest.fixture(scope="module")
def large():
    return result(MAX_TURNS, N_NAMES)


@pytest.mark.parametrize("name", WRITERS)
def test_the_most_turns_are_written_in_seconds(name, large):
    assert seconds(WRITERS[name], large) < MOST_S


@pytest.mark.parametrize("name", WRITERS)
def test_ten_times_as_many_turns_and_names_take_about_ten_times_as_long(name):
    few, many = result(4_000, 400), result(40_000, 4_000)
    few_s = min(seconds(WRITERS[name], few) for _ in range(3))
    many_s = min(seconds(WRITERS[name], many) for _ in range(2))

    assert many_s < MOST_GROWTH * few_s + NOISE_S


def test_a_report_in_which_thousands_talk_at_once_is_written_in_seconds():
    assert seconds(report, result(MAX_TURNS, N_NAMES, length_ms=10_000_000)) < MOST_S

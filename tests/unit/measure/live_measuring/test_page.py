"""Tables and the picture of measured figures."""

import pytest

from measure.live_measuring.accuracy import SetFigures
from measure.live_measuring.load import LoadResult
from measure.live_measuring.page import accuracy_table, latency_figure, load_table

DERS = {"first": [3.0, 9.0], "relabelled": [2.0, 8.0], "result": [1.0, 7.0]}


def figures(name, latency_s="2", ders=DERS, relabels=0.5):
    return SetFigures(name, latency_s, 4, 90.0, ders, relabels, (2.0, 3.25, 2.0), 3)


def cells(table):
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()]


def test_a_row_holds_error_rates_by_collar_and_the_last_rows_are_means():
    header, _, calls, mean = cells(accuracy_table([figures("calls")]))

    assert header[4:10] == [
        "first 0.25", "relabelled 0.25", "result 0.25", "first 0", "relabelled 0", "result 0",
    ]  # fmt: skip
    assert calls == [
        "calls", "2", "4", "1.5", "3.00", "2.00", "1.00", "9.00", "8.00", "7.00", "0.50",
        "2.0 / 3.2 / 2.0", "3 of 4",
    ]  # fmt: skip
    assert mean == ["mean", *calls[1:]]


def test_what_is_not_known_is_a_dash():
    _, _, noise, mean = cells(accuracy_table([figures("noise", ders={}, relabels=None)]))

    assert noise[4:11] == mean[4:11] == ["–"] * 7


def test_rows_of_a_peer_end_with_median_and_longest_update():
    sets = [figures("calls"), figures("noise", ders={})]

    table = accuracy_table(sets, {"calls": [1.0, 2.0, 6.0], "noise": []})

    assert [row[-1] for row in cells(table)] == [
        "update s", cells(table)[1][-1], "2.00 / 6.00", "–", "2.00 / 6.00",
    ]  # fmt: skip


def test_lags_of_sessions_are_rows():
    result = LoadResult(2, 0.5, [0.1, 0.2, 0.3], [1.0, 2.0])

    assert cells(load_table([result]))[2] == ["0.5", "2", "0.200", "0.290", "0.300", "1.50", "2.00"]


@pytest.mark.parametrize("order", [1, -1])
def test_each_kind_of_turns_is_a_line_over_latency_in_a_panel_for_each_collar(order):
    late = {kind: [der / 2 for der in ders] for kind, ders in DERS.items()}
    means = [figures("mean", "0.5"), figures("mean", "5", late), figures("mean", "2", {})]

    wide, exact = latency_figure(means[::order]).axes

    assert [line.get_label() for line in exact.get_lines()] == ["first", "relabelled", "result"]
    assert wide.get_lines()[0].get_xydata().tolist() == [[0.5, 3.0], [5.0, 1.5]]
    assert exact.get_lines()[0].get_xydata().tolist() == [[0.5, 9.0], [5.0, 4.5]]
    for axes in (wide, exact):
        assert axes.get_ylim()[0] == 0
        assert axes.get_ylim()[1] > 9

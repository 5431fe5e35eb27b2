"""The table of live sessions and their files, with a clock that tests set."""

import os
from dataclasses import replace

import numpy as np
import pytest

from diarization.errors import InvalidParameterError, SessionsFullError, UnknownSessionError
from diarization.live.session import LiveOptions
from diarization.options import Options
from diarization.request import parse_request
from diarization.turns import NO_SPEECH
from sessions import Sessions

MOST, IDLE_S, NETWORK = 3, 600.0, "campplus"
LIVE = LiveOptions(parse_request({}, Options()))
PCM = np.arange(-50, 50, dtype=np.int16)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "live"


@pytest.fixture
def open_table(folder, clock):
    """A function that opens the table, as each process that serves it does."""
    opened = []

    def open_one():
        opened.append(Sessions(Options(), MOST, IDLE_S, NETWORK, folder, clock))
        return opened[-1]

    yield open_one
    for table in opened:
        for name in list(table._sessions):
            table.remove(name)


@pytest.fixture
def table(open_table):
    return open_table()


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def test_a_started_session_is_found_by_its_name(table):
    one, other = table.start("one", LIVE), table.start("other", LIVE)
    assert table.get("one") is one
    assert table.get("other") is other
    assert one is not other


@pytest.mark.parametrize("name", ["other", "../one"])
def test_a_session_that_was_not_started_is_unknown(table, name):
    table.start("one", LIVE)
    with pytest.raises(UnknownSessionError, match=rf"got '{name}'.*expected start=true"):
        table.get(name)


def test_a_session_started_again_alike_goes_on(table):
    session = table.start("one", LIVE)
    session.journal.audio.append(PCM)
    assert table.start("one", replace(LIVE)) is session
    assert session.n_received == len(PCM)


@pytest.mark.parametrize(
    "change",
    [{"rate_hz": 8000}, {"latency_s": 5.0}, {"asked": replace(LIVE.asked, exclusive=True)}],
    ids=lambda change: next(iter(change)),
)
def test_a_session_is_not_started_again_with_other_parameters(table, change):
    session = table.start("one", LIVE)
    with pytest.raises(InvalidParameterError, match=r"'one'.*started with other parameters"):
        table.start("one", replace(LIVE, **change))
    assert table.get("one") is session


def test_one_session_too_many_is_refused_and_leaves_nothing_behind(table, folder):
    for number in range(MOST):
        table.start(f"{number}", LIVE)
    with pytest.raises(SessionsFullError, match="beside 3 others, expected at most 3"):
        table.start("more", LIVE)
    assert names_in(folder) == {"0", "1", "2"}
    table.start("0", LIVE)


def test_a_removed_session_makes_room_and_its_files_are_gone(table, folder):
    for number in range(MOST):
        table.start(f"{number}", LIVE)
    table.remove("1")
    with pytest.raises(UnknownSessionError):
        table.get("1")
    table.start("more", LIVE)
    assert names_in(folder) == {"0", "2", "more"}


def test_removing_an_unknown_session_changes_nothing(table, folder):
    table.start("one", LIVE)
    table.remove("other")
    assert names_in(folder) == {"one"}


def test_when_all_are_taken_the_ended_session_idle_for_longest_gives_way(table, folder, clock):
    for number in range(MOST):
        clock.now_s += 1
        table.start(f"{number}", LIVE)
    for number in "21":
        clock.now_s += 1
        table.get(number).add_result(NO_SPEECH)
    table.start("more", LIVE)
    assert names_in(folder) == {"0", "1", "more"}


def test_an_idle_session_is_removed_and_one_in_use_is_not(table, folder, clock):
    table.start("idle", LIVE)
    table.start("used", LIVE)
    clock.now_s += IDLE_S
    table.purge()
    assert names_in(folder) == {"idle", "used"}
    table.get("used")
    clock.now_s += 1
    table.purge()
    assert names_in(folder) == {"used"}
    with pytest.raises(UnknownSessionError):
        table.get("idle")


def test_sessions_that_an_earlier_process_left_idle_are_removed(open_table, folder, clock):
    for name, used_s in {"old": -IDLE_S - 1, "new": -IDLE_S}.items():
        open_table().start(name, LIVE)
        os.utime(folder / name / "state", (0, clock.now_s + used_s))
    assert open_table().purge() == 1
    assert names_in(folder) == {"new"}


def test_sessions_of_an_earlier_process_count_and_those_that_ended_give_way(open_table, folder):
    before = open_table()
    for number in range(MOST):
        before.start(f"{number}", LIVE)
    table = open_table()
    assert len(table) == MOST
    with pytest.raises(SessionsFullError):
        table.start("more", LIVE)
    before.get("1").add_result(NO_SPEECH)
    before.save("1")
    table.start("more", LIVE)
    assert names_in(folder) == {"0", "2", "more"}


def test_a_damaged_session_gives_way(open_table, folder):
    before = open_table()
    for number in range(MOST):
        before.start(f"{number}", LIVE)
    (folder / "1" / "state").write_bytes(b"damaged")
    open_table().start("more", LIVE)
    assert names_in(folder) == {"0", "2", "more"}


def test_sessions_of_another_server_are_left_alone_for_a_day(open_table, folder, clock):
    others = {age_s: folder.parent / "8001" / f"{age_s}" for age_s in (86_400, 86_401)}
    for age_s, other in others.items():
        other.mkdir(parents=True)
        (other / "state").touch()
        os.utime(other / "state", (0, clock.now_s - age_s))
    table = open_table()
    assert (len(table), table.purge()) == (0, 0)
    assert [other.exists() for other in others.values()] == [True, False]


def test_another_process_goes_on_where_the_state_was_saved(open_table):
    live = replace(LIVE, rate_hz=8000)
    before = open_table()
    session = before.start("one", live)
    session.journal.audio.append(PCM)
    session.add_result(NO_SPEECH)
    before.save("one")
    resumed = open_table().get("one")
    assert (resumed.live, resumed.events, resumed.has_result) == (live, session.events, True)
    assert (resumed.n_received, resumed.sample_type) == (len(PCM), np.int16)
    assert resumed.journal.audio.read(10, 90).tolist() == PCM[10:90].tolist()


def test_another_process_goes_on_where_one_ended_while_it_saved(open_table, folder):
    before = open_table()
    before.start("one", LIVE).journal.audio.append(PCM)
    before.save("one")
    (folder / "one" / "state").rename(folder / "one" / "state.new")
    assert open_table().get("one").n_received == len(PCM)


@pytest.mark.parametrize(
    ("record", "shape"),
    [("audio", ()), ("probs", ()), ("posteriors", (589, 7)), ("embeddings", (192,))],
)
def test_rows_written_after_the_state_was_saved_are_dropped(open_table, folder, record, shape):
    rows = np.random.default_rng(0).normal(size=(5, *shape)).astype(np.float16)
    before = open_table()
    records = getattr(before.start("one", LIVE).journal, record)
    records.append(rows[:2])
    before.save("one")
    records.append(rows[2:3])
    with (folder / "one" / record).open("ab") as file:
        file.write(b"h")  # less than a row
    resumed = getattr(open_table().get("one").journal, record)
    assert len(resumed) == 2
    assert (folder / "one" / record).stat().st_size == rows[:2].nbytes
    resumed.append(rows[3:])
    assert np.array_equal(resumed.read(0, 4), rows[[0, 1, 3, 4]])


def test_without_rows_a_record_is_empty_for_the_next_process_too(open_table, folder):
    open_table().start("one", LIVE)
    (folder / "one" / "audio").write_bytes(b"half a row")
    session = open_table().get("one")
    assert (session.n_received, session.sample_type) == (0, None)
    session.journal.audio.append(PCM)
    assert session.journal.audio.read(0, 100).tolist() == PCM.tolist()


def test_a_session_without_its_state_is_unknown_and_can_be_started(open_table, folder):
    open_table().start("one", LIVE).journal.audio.append(PCM)
    (folder / "one" / "state").unlink()
    table = open_table()
    with pytest.raises(UnknownSessionError):
        table.get("one")
    assert table.start("one", LIVE).n_received == 0


def test_a_folder_without_sessions_is_removed_at_the_end(open_table, folder):
    table = open_table()
    table.start("one", LIVE)
    table.close()
    assert names_in(folder) == {"one"}
    table.remove("one")
    table.close()
    assert not folder.exists()


def test_only_the_user_can_read_the_files(open_table, folder):
    folder.mkdir(mode=0o755)
    open_table().start("one", LIVE)
    assert [path.stat().st_mode & 0o777 for path in (folder, folder / "one")] == [0o700, 0o700]


def test_a_link_in_place_of_the_folder_is_refused(open_table, folder, tmp_path):
    (tmp_path / "home").mkdir()
    folder.symlink_to(tmp_path / "home")
    with pytest.raises(PermissionError, match="link"):
        open_table()

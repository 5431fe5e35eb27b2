"""Corrections without their page: turns in, turns out, in the browser that runs them."""

import pytest

from e2e.web_page import forgive
from gateways import serving

A1 = {"key": 0, "start_s": 0, "end_s": 2, "speaker": "A", "confidence": 0.5}
B1 = {"key": 1, "start_s": 1.5, "end_s": 3, "speaker": "B", "confidence": 0.75}
A2 = {"key": 2, "start_s": 3, "end_s": 4, "speaker": "A", "confidence": None}
TURNS = [A1, B1, A2]
IN_MODULES = """async (t) => {
    const model = await import("/page/turns.js");
    const names = await import("/page/names.js");
    const words = await import("/page/words.js");
    const { History } = await import("/page/history.js");
    try {
        return %s;
    } catch (error) {
        if (error instanceof names.EditError) return `refused: ${error.message}`;
        throw error;
    }
}"""


@pytest.fixture
def run(visit, settings):
    """A function that evaluates JavaScript in which `t` is a list of turns."""
    with serving(settings) as gateway:
        seen = visit(gateway.url)
        yield lambda code, turns=TURNS: seen.page.evaluate(IN_MODULES % code, turns)
        forgive(seen)  # there is no server


def test_corrections_leave_the_turns_they_are_made_of_alone(run):
    for call in (
        'renamed(t, "A", "Ana")',
        'merged(t, "B", "A")',
        'reassigned(t, 1, "A")',
        "moved(t, 0, 0.5, 1, 10)",
        "split(t, 0, 1)",
        "removed(t, 1)",
        'added(t, 5, "A", 10)',
    ):
        made = run(f"[model.{call}, t]")
        assert made[1] == TURNS
        assert made[0] != TURNS


def test_a_name_is_changed_in_all_turns_and_nothing_else(run):
    assert run('model.renamed(t, "A", "  Ana \\t María ")') == [
        {**A1, "speaker": "Ana María"},
        B1,
        {**A2, "speaker": "Ana María"},
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("B", "merge the two"),
        (" ", "at least one letter"),
        ("<na>", "nobody in RTTM"),
        ("x" * 101, "at most 100"),
        ("a\\u0007b", "control characters"),
        ("a\\u0000b", "control characters"),
        ("a\\u202eb", "direction marks"),
        ("a\\u200bb", "zero-width spaces"),
    ],
)
def test_names_that_cannot_be_are_refused(run, name, words):
    answer = run(f'model.renamed(t, "A", "{name}")')

    assert answer.startswith("refused: ")
    assert words in answer


@pytest.mark.parametrize("name", ["👨\u200d👩\u200d👧", "می\u200cخواهم"])
def test_joiners_of_scripts_and_emoji_may_stand_in_a_name(run, name):
    assert run(f'model.renamed(t, "B", "{name}")')[1] == {**B1, "speaker": name}


def test_names_that_are_one_in_rttm_are_refused(run):
    turns = [{**A1, "speaker": "Ana María"}, B1]

    assert "would be one name" in run('model.renamed(t, "B", "Ana_María")', turns)
    assert "would be one name" in run('model.reassigned(t, 1, "Ana_María")', turns)


def test_merging_joins_what_touches_or_overlaps(run):
    apart = {**A2, "key": 3, "start_s": 5, "end_s": 6, "confidence": 0.9}

    assert run('model.merged(t, "B", "A")', [*TURNS, apart]) == [{**A1, "end_s": 4}, apart]


def test_merging_keeps_channels_apart(run):
    turns = [{**A1, "channel": 1}, {**B1, "channel": 2}]

    assert run('model.merged(t, "B", "A")', turns) == [turns[0], {**turns[1], "speaker": "A"}]


def test_borders_are_rounded_kept_in_the_recording_and_in_order(run):
    assert run("model.moved(t, 0, -1, 2.00049, 10)")[0] == {**A1, "end_s": 2, "confidence": 1}
    assert run("model.moved(t, 2, 3.5, 11, 10)")[-1] == {
        **A2,
        "start_s": 3.5,
        "end_s": 10,
        "confidence": 1,
    }
    assert [turn["key"] for turn in run("model.moved(t, 0, 2.5, 2.75, 10)")] == [1, 0, 2]
    assert "ends after it begins" in run("model.moved(t, 0, 2, 2, 10)")
    assert "number of seconds" in run("model.moved(t, 0, NaN, 2, 10)")


def test_a_turn_is_split_in_two_that_fill_it(run):
    assert run("model.split(t, 0, 1.25)") == [
        {**A1, "end_s": 1.25},
        {**A1, "key": 3, "start_s": 1.25},
        B1,
        A2,
    ]
    assert "inside of it" in run("model.split(t, 0, 2)")
    assert "Choose a turn" in run("model.split(t, 7, 1)")


def test_a_turn_is_added_within_the_recording(run):
    first = run('model.added([], 9.5, "A", 10)')

    assert first == [{"key": 0, "start_s": 9.5, "end_s": 10, "speaker": "A", "confidence": 1}]
    assert run('model.added(t, 5, "C", 10, 2)')[-1] == {
        "key": 3,
        "start_s": 5,
        "end_s": 7,
        "speaker": "C",
        "confidence": 1,
        "channel": 2,
    }


def test_the_gateway_gets_no_keys_and_no_unknown_confidence(run):
    assert run("model.unkeyed(t)")[-1] == {"start_s": 3, "end_s": 4, "speaker": "A"}


def test_new_speakers_get_names_that_are_free(run):
    turns = [{**A1, "speaker": "SPEAKER_01"}, B1]

    assert run("model.freeName(t)", turns) == "SPEAKER_02"
    assert run("model.freeName([])", turns) == "SPEAKER_00"


def test_history_goes_back_and_on(run):
    steps = """(() => {
        const history = new History(0);
        for (const number of [1, 2, 3]) history.record(`to ${number}`, number);
        const seen = [history.undo(), history.turns, history.undo(), history.turns];
        seen.push(history.redo(), history.turns, history.canUndo, history.canRedo);
        history.record("to 9", 9);
        seen.push(history.redo(), history.turns);
        return seen;
    })()"""

    assert run(steps) == ["to 3", 2, "to 2", 1, "to 2", 2, "to 2", "to 3", None, 9]


def test_history_is_kept_as_text_without_its_oldest_steps_where_it_is_long(run):
    text = """(() => {
        const history = new History([]);
        for (let n = 0; n < 100; n++) history.record(`step ${n}`, [n]);
        const short = History.fromText(history.asText(1000));
        const all = History.fromText(history.asText(100000));
        const none = history.asText(3);
        return [all.past.length, short.past.length < 50, short.undo(), short.turns, none];
    })()"""

    assert run(text) == [100, True, "step 99", [98], None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("66.5", 66.5), ("1:06.5", 66.5), ("1:01:06,25", 3666.25), (" 7 ", 7)],
)
def test_times_are_read_as_people_write_them(run, text, expected):
    assert run(f'words.parsedTime("{text}")') == expected


@pytest.mark.parametrize("text", ["", "soon", "1:2:3:4", "-1", "1e3"])
def test_what_is_no_time_is_not_taken_for_one(run, text):
    assert run(f'Number.isNaN(words.parsedTime("{text}"))') is True


def test_the_time_left_is_marked_as_an_estimate(run):
    assert run("[41.2, 7.1, 600, 0.2, null].map(words.timeLeft)") == [
        "about 45 s left, an estimate",
        "about 8 s left, an estimate",
        "about 10 min left, an estimate",
        "longer than estimated, still at work",
        "",
    ]
    job = '{ state: "queued", progress: { queue_position: 3, estimated_remaining_s: 41 } }'
    assert run(f"words.progressText({job})") == (
        "In the queue, 2 recordings before it: about 45 s left, an estimate."
    )

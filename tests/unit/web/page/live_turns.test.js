import assert from "node:assert/strict";
import test from "node:test";

import { LiveTurns } from "../../../../client/web/page/live_turns.js";

/** Turns after these events; a turn is [id, speaker, start_s, end_s, state]. */
function after(...events) {
  const turns = new LiveTurns();
  take(turns, ...events);
  return turns;
}

function take(turns, ...events) {
  for (const event of events) {
    if (!Array.isArray(event)) turns.take(event);
    else {
      const [id, speaker, start_s, end_s, state = "final"] = event;
      turns.take({ type: "turn", id, rev: 0, speaker, start_s, end_s, state, confidence: 0.9 });
    }
  }
}

const shown = (turns) => turns.named.map(({ speaker, start_s, end_s }) => [speaker, start_s, end_s]);
const relabel = (from, to, until_s, more = {}) => ({ type: "relabel", from, to, until_s, ...more });

test("a turn that is sent again replaces what was known of it", () => {
  const turns = after([1, "B", 2, 3, "partial"], [0, "A", 0, 1], [1, "B", 2, 4], [2, "B", 5, 6, "partial"]);
  take(turns, [2, "B", 5, 5]); // it turned out to be none

  assert.deepEqual(shown(turns), [["A", 0, 1], ["B", 2, 4]]);
});

test("a relabel changes the turns before a time, or some of them", () => {
  const turns = after([0, "A", 0, 1], [1, "B", 1, 2], [2, "B", 3, 4], [3, "B", 5, 6]);
  take(turns, relabel("B", "A", 5, { turns: [2] }));
  assert.deepEqual(shown(turns).map(([speaker]) => speaker), ["A", "B", "A", "B"]);
  take(turns, relabel("B", "A", 5), { type: "unknown" });

  assert.deepEqual(shown(turns).map(([speaker]) => speaker), ["A", "A", "A", "B"]);
  assert.deepEqual(turns.speakers, ["A", "B"]);
});

test("a name goes along when its speaker becomes another one", () => {
  const turns = after([0, "A", 0, 1], [1, "B", 1, 2], [2, "C", 2, 3], [3, "B", 5, 6]);
  turns.rename("B", "Ben");
  take(turns, relabel("B", "A", 4));
  assert.equal(turns.nameOf("A"), "A"); // a turn of B is left
  take(turns, relabel("B", "A", 9));
  assert.equal(turns.nameOf("A"), "Ben");
  turns.rename("C", "Cleo");
  take(turns, relabel("C", "A", 9));

  assert.deepEqual(turns.speakers.map((speaker) => turns.nameOf(speaker)), ["Ben"]);
});

test("invalid names and those of others are refused", () => {
  const turns = after([0, "A", 0, 1], [1, "B", 1, 2]);
  turns.rename("A", "  Ana \t María ");
  assert.equal(turns.nameOf("A"), "Ana María");

  for (const [name, words] of [["", "at least one letter"], ["Ana María", "another"], ["Ana_María", "one name in RTTM"], ["A", null]]) {
    if (words) assert.throws(() => turns.rename("B", name), new RegExp(words));
    else turns.rename("B", name);
  }
});

test("who has a turn that has not ended is speaking", () => {
  const turns = after([0, "A", 0, 1], [1, "B", 1, 3, "partial"], [2, "C", 2.5, 6, "partial"]);
  assert.deepEqual(turns.speaking, ["B", "C"]);
  take(turns, { type: "progress", heard_s: 8, reported_s: 6, final_s: 3 });

  assert.deepEqual(turns.speaking, ["C"]);
  assert.equal(turns.heard_s, 8);
});

test("names go to the speakers of the result who share most time with them", () => {
  const turns = after([0, "A", 0, 4], [1, "B", 4, 9], [2, "C", 9, 10], [3, "D", 20, 21]);
  for (const [speaker, name] of [["A", "Ana"], ["B", "Ben"], ["C", "Cleo"], ["D", "Dora"]]) turns.rename(speaker, name);
  const found = [["X", 0, 5], ["Y", 5, 9.2], ["Y", 9.2, 10], ["Z", 12, 13]].map(([speaker, start_s, end_s]) => ({ speaker, start_s, end_s }));

  assert.deepEqual(turns.namesFor(found), [["X", "Ana"], ["Y", "Ben"]]);
});

import assert from "node:assert/strict";
import test from "node:test";

import * as corrections from "../../../../client/web/page/turns.js";

const A1 = { key: 0, start_s: 0, end_s: 2, speaker: "A", confidence: 0.5 };
const B1 = { key: 1, start_s: 1.5, end_s: 3, speaker: "B", confidence: 0.75 };
const A2 = { key: 2, start_s: 3, end_s: 4, speaker: "A", confidence: null };
const TURNS = [A1, B1, A2];

const refused = (correct, words) => assert.throws(correct, (error) => error instanceof corrections.EditError && error.message.includes(words));

test("corrections do not change the turns they are made from", () => {
  const before = JSON.stringify(TURNS);
  for (const corrected of [
    corrections.renamed(TURNS, "A", "Ana"),
    corrections.merged(TURNS, "B", "A"),
    corrections.reassigned(TURNS, 1, "A"),
    corrections.moved(TURNS, 0, 0.5, 1, 10),
    corrections.split(TURNS, 0, 1),
    corrections.removed(TURNS, 1),
    corrections.added(TURNS, 5, "A", 10),
  ]) {
    assert.equal(JSON.stringify(TURNS), before);
    assert.notDeepEqual(corrected, TURNS);
  }
});

test("a name changes in all turns, and nothing else does", () => {
  assert.deepEqual(corrections.renamed(TURNS, "A", "  Ana \t María "), [
    { ...A1, speaker: "Ana María" },
    B1,
    { ...A2, speaker: "Ana María" },
  ]);
});

test("invalid names are refused", () => {
  for (const [name, words] of [
    ["B", "merge the two"],
    [" ", "at least one letter"],
    ["<na>", "no speaker in RTTM"],
    ["x".repeat(101), "at most 100"],
    ["a\u0007b", "control characters"],
    ["a\u0000b", "control characters"],
    ["a\u202eb", "direction marks"],
    ["a\u200bb", "zero-width spaces"],
  ]) {
    refused(() => corrections.renamed(TURNS, "A", name), words);
  }
});

test("joiners of scripts and emoji are allowed in a name", () => {
  for (const name of ["👨\u200d👩\u200d👧", "می\u200cخواهم"]) {
    assert.deepEqual(corrections.renamed(TURNS, "B", name)[1], { ...B1, speaker: name });
  }
});

test("names that would be the same in RTTM are refused", () => {
  const turns = [{ ...A1, speaker: "Ana María" }, B1];

  assert.equal(corrections.rttmName("Ana María"), "Ana_María");
  refused(() => corrections.renamed(turns, "B", "Ana_María"), "would be one name");
  refused(() => corrections.reassigned(turns, 1, "Ana_María"), "would be one name");
});

test("merging joins what touches or overlaps", () => {
  const apart = { ...A2, key: 3, start_s: 5, end_s: 6, confidence: 0.9 };

  assert.deepEqual(corrections.merged([...TURNS, apart], "B", "A"), [{ ...A1, end_s: 4 }, apart]);
});

test("merging keeps channels apart", () => {
  const turns = [{ ...A1, channel: 1 }, { ...B1, channel: 2 }];

  assert.deepEqual(corrections.merged(turns, "B", "A"), [turns[0], { ...turns[1], speaker: "A" }]);
});

test("borders are rounded, kept within the recording, and in order", () => {
  assert.deepEqual(corrections.moved(TURNS, 0, -1, 2.00049, 10)[0], { ...A1, end_s: 2, confidence: 1 });
  assert.deepEqual(corrections.moved(TURNS, 2, 3.5, 11, 10).at(-1), { ...A2, start_s: 3.5, end_s: 10, confidence: 1 });
  assert.deepEqual(corrections.moved(TURNS, 0, 2.5, 2.75, 10).map(({ key }) => key), [1, 0, 2]);
  refused(() => corrections.moved(TURNS, 0, 2, 2, 10), "ends after it begins");
  refused(() => corrections.moved(TURNS, 0, NaN, 2, 10), "number of seconds");
});

test("a turn is split into two that fill it", () => {
  assert.deepEqual(corrections.split(TURNS, 0, 1.25), [{ ...A1, end_s: 1.25 }, { ...A1, key: 3, start_s: 1.25 }, B1, A2]);
  refused(() => corrections.split(TURNS, 0, 2), "inside it");
  refused(() => corrections.split(TURNS, 7, 1), "Choose a turn");
});

test("a turn is added within the recording", () => {
  const added = { key: 0, start_s: 9.5, end_s: 10, speaker: "A", confidence: 1 };
  const another = { key: 3, start_s: 5, end_s: 7, speaker: "C", confidence: 1, channel: 2 };

  assert.deepEqual(corrections.added([], 9.5, "A", 10), [added]);
  assert.deepEqual(corrections.added(TURNS, 5, "C", 10, 2).at(-1), another);
});

test("the gateway gets no keys and no unknown confidence", () => {
  assert.deepEqual(corrections.unkeyed(TURNS).at(-1), { start_s: 3, end_s: 4, speaker: "A" });
});

test("new speakers get unused names", () => {
  assert.equal(corrections.freeName([{ ...A1, speaker: "SPEAKER_01" }, B1]), "SPEAKER_02");
  assert.equal(corrections.freeName([]), "SPEAKER_00");
});

import assert from "node:assert/strict";
import test from "node:test";

import { lanesOf, overlaps, visibleBlocks, voiceClass, voices } from "../../../client/viewer/lanes.js";
import { talkingAt } from "../../../client/viewer/waveform.js";
import { speakerStatistics } from "../../../client/viewer/statistics.js";
import { turnsOf } from "./turns_of.js";

const TURNS = turnsOf([0, 4, "anna"], [3, 5, "ben"], [6, 7, "anna"]);
const times = ({ pieces }) => pieces.map(({ start_s, end_s }) => [start_s, end_s]);

test("every speaker has a lane, and overlap one below", () => {
  const lanes = lanesOf({}, TURNS);

  assert.deepEqual(lanes.map(({ label, note }) => [label, note]), [["anna", "5.0 s"], ["ben", "2.0 s"], ["Overlap", "1.0 s"]]);
  assert.deepEqual(lanes.map(times), [[[0, 4], [6, 7]], [[3, 5]], [[3, 4]]]);
  assert.deepEqual(lanes[0].pieces.map(({ index }) => index), [0, 2]);
  assert.equal(lanes[1].pieces[0].text, "ben, 0:03.00 – 0:05.00 (2.0 s)");
});

test("a true speaker is below its match, the others below all, then the errors", () => {
  const errors = [{ kind: "confusion", start_s: 6, end_s: 7, n_speakers: 1, true: ["x"], found: ["anna"] }];
  const view = { match: { anna: "x" }, reference: turnsOf([0, 4, "x"], [8, 9, "y"]), errors };

  const lanes = lanesOf(view, turnsOf([0, 4, "anna"], [5, 6, "ben"]));

  assert.deepEqual(
    lanes.map(({ label, voice }) => [label, voice]),
    [["anna", 0], ["Reference x", 0], ["ben", 1], ["Reference y", null], ["Missed", null], ["False alarm", null], ["Confusion", null]],
  );
  assert.equal(lanes.at(-1).pieces[0].text, "Confusion, 0:06.00 – 0:07.00: x talks, found anna");
});

test("nothing overlaps where turns only touch, or are of one speaker", () => {
  assert.deepEqual(overlaps(turnsOf([0, 2, "a"], [2, 3, "b"], [2, 3, "b"])), []);
});

test("thin pieces are drawn together, as dense as they are", () => {
  const pieces = turnsOf([0, 10], [11, 11.5], [12, 12.5], [13, 13.5], [20, 30], [40, 50]);

  const blocks = visibleBlocks(pieces, 5, 25, 1);

  assert.deepEqual(blocks.map((each) => [each.start_s, each.end_s, each.pieces.length]), [[0, 10, 1], [11, 13.5, 3], [20, 30, 1]]);
  assert.deepEqual(blocks.map(({ covered }) => covered), [1, 1.5 / 2.5, 1]);
});

test("colours are shared from the ninth speaker on", () => {
  const turns = Array.from({ length: 9 }, (_, n) => ({ speaker: `S${n}` }));

  assert.deepEqual([...voices(turns).values()], [0, 1, 2, 3, 4, 5, 6, 7, 0]);
  assert.deepEqual([voiceClass(3), voiceClass(null)], ["voice-3", "voice-none"]);
});

test("thousands of speakers do not take quadratic time", () => {
  const turns = Array.from({ length: 20_000 }, (_, n) => ({ speaker: `S${n % 2000}`, start_s: n, end_s: n + 1000 }));
  const before_ms = performance.now();

  lanesOf({}, turns);
  speakerStatistics(turns);
  const talking = talkingAt(turns);
  for (let time_s = 0; time_s < 20_000; time_s++) talking(time_s);

  assert.ok(performance.now() - before_ms < 5000); // 100 ms on an idle core; quadratic time is 10 s and more
});

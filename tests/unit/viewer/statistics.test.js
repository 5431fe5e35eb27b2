import assert from "node:assert/strict";
import test from "node:test";

import { speakerStatistics } from "../../../client/viewer/statistics.js";
import { turnsOf } from "./turns_of.js";

const N_RUNS = 50;
const N_TURNS = 12;

test("statistics by hand", () => {
  const rows = speakerStatistics(turnsOf([0, 4, "anna"], [3, 5, "ben"], [6, 7, "anna"], [7, 8, "cleo"]));

  assert.deepEqual(
    rows.map((row) => [row.speaker, row.n_turns, row.talk_s, row.share, row.mean_s, row.longest_s, row.overlap_share]),
    [["anna", 2, 5, 5 / 8, 2.5, 4, 1 / 5], ["ben", 1, 2, 2 / 8, 2, 2, 1 / 2], ["cleo", 1, 1, 1 / 8, 1, 1, 0]],
  );
  assert.deepEqual(speakerStatistics([]), []);
});

test("overlapping turns of one speaker count once", () => {
  const [row] = speakerStatistics(turnsOf([0, 4, "anna"], [2, 6, "anna"]));

  assert.deepEqual([row.talk_s, row.n_turns, row.overlap_share], [6, 2, 0]);
});

test("talk times equal those counted second by second", () => {
  let state = 1; // a linear congruential generator, because Math.random takes no seed
  const random = (n) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * n);
  };
  for (let run = 0; run < N_RUNS; run++) {
    const turns = Array.from({ length: 1 + random(N_TURNS) }, () => {
      const start_s = random(50);
      return { start_s, end_s: start_s + 1 + random(20), speaker: "abc"[random(3)] };
    });
    const talking = Array.from({ length: 70 }, (_, time_s) =>
      new Set(turns.filter(({ start_s, end_s }) => start_s <= time_s && time_s < end_s).map(({ speaker }) => speaker)),
    );
    const all_s = talking.reduce((sum, { size }) => sum + size, 0);
    for (const row of speakerStatistics(turns)) {
      const own = talking.filter((names) => names.has(row.speaker));
      assert.equal(row.talk_s, own.length);
      assert.equal(row.share, own.length / all_s);
      assert.equal(row.overlap_share, own.filter(({ size }) => size > 1).length / own.length);
    }
  }
});

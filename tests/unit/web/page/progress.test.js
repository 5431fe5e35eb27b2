import assert from "node:assert/strict";
import test from "node:test";

import { estimatedShare, progressText, timeLeft } from "../../../../client/web/page/progress.js";

test("the time left is marked as an estimate", () => {
  assert.deepEqual([41.2, 7.1, 600, 6000, 0.2, null].map(timeLeft), [
    "about 45 s left, an estimate",
    "about 8 s left, an estimate",
    "about 10 min left, an estimate",
    "about 1.7 h left, an estimate",
    "longer than estimated, still at work",
    "",
  ]);
});

test("progress is a sentence, in the queue and at work", () => {
  const queued = (queue_position) => progressText({ state: "queued", progress: { queue_position, estimated_remaining_s: 41 } });
  const running = (estimated_remaining_s) => progressText({ state: "running", progress: { elapsed_s: 3.4, estimated_remaining_s } });

  assert.equal(queued(1), "Next in the queue: about 45 s left, an estimate.");
  assert.equal(queued(2), "In the queue, 1 recording before it: about 45 s left, an estimate.");
  assert.equal(queued(3), "In the queue, 2 recordings before it: about 45 s left, an estimate.");
  assert.equal(running(5), "Finding who spoke when: about 5 s left, an estimate.");
  assert.equal(running(null), "Finding who spoke when: 3 s so far, of unknown length.");
});

test("the share done stays below one until it is done", () => {
  assert.equal(estimatedShare({ elapsed_s: 1, estimated_remaining_s: 3 }), 0.25);
  assert.equal(estimatedShare({ elapsed_s: 1, estimated_remaining_s: 0 }), 0.99);
  assert.equal(estimatedShare({ elapsed_s: null, estimated_remaining_s: null }), null);
});

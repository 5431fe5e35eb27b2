import assert from "node:assert/strict";
import test from "node:test";

import { TimeScale } from "../../../client/viewer/timeline.js";
import { bytesOf, Peaks, talkingAt } from "../../../client/viewer/waveform.js";
import { turnsOf } from "./turns_of.js";

test("the whole recording fits until it is zoomed in", () => {
  const scale = new TimeScale(100);
  scale.fit(500);
  assert.deepEqual([scale.width, scale.x(10), scale.time(50)], [500, 50, 10]);

  scale.fit(1000);
  assert.equal(scale.width, 1000);
  scale.set(40);
  scale.fit(500);
  assert.equal(scale.px_per_s, 40);
  scale.set(0);
  assert.equal(scale.width, 500);
});

test("the zoom has an end, an earlier one in very long recordings", () => {
  const most = (audio_s) => {
    const scale = new TimeScale(audio_s);
    scale.set(1e9);
    return scale.px_per_s;
  };

  assert.deepEqual([most(30), most(160_000)], [400, 100]);
});

test("times stay within the recording, even an empty one", () => {
  const scale = new TimeScale(10);
  scale.fit(100);

  assert.deepEqual([scale.time(-5), scale.time(105)], [0, 10]);
  assert.ok(new TimeScale(0).time(1) < 0.01);
});

test("labels of the ruler are at round times with room between", () => {
  const scale = new TimeScale(36_000);
  const step = (px_per_s) => {
    scale.px_per_s = px_per_s;
    return scale.step(72);
  };

  assert.deepEqual([400, 72, 10, 0.1, 0.01].map(step), [0.2, 1, 10, 900, 7200]);
});

test("peaks are the largest of the time asked for, as a share of the largest of all", () => {
  const peaks = new Peaks({ per_s: 100, data: Buffer.from([0, 50, 100, 200, 20]).toString("base64") });

  assert.equal(peaks.between(0, 0.02), 0.25);
  assert.equal(peaks.between(0.02, 0.04), 1);
  assert.equal(peaks.between(0, 0.05), 1);
  assert.equal(new Peaks({ per_s: 100, data: "" }).between(0, 1), 0);
});

test("base64 is decoded to bytes", () => {
  assert.deepEqual([...bytesOf("AP8Q")], [0, 255, 16]);
});

test("who talks is known at any time, in any order", () => {
  const talking = talkingAt(turnsOf([0, 4, "anna"], [3, 5, "ben"]));

  assert.deepEqual([1, 3, 4.5, 6, 1].map((time_s) => [...talking(time_s).keys()]), [["anna"], ["anna", "ben"], ["ben"], [], ["anna"]]);
});

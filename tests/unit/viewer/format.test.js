import assert from "node:assert/strict";
import test from "node:test";

import { clock, duration, fileSize, longTime, parseTime, percent, seconds, visible } from "../../../client/viewer/format.js";

test("a clock has hours only if needed, and the digits asked for", () => {
  assert.equal(clock(0), "0:00.0");
  assert.equal(clock(66.789), "1:06.8");
  assert.equal(clock(3599.96), "1:00:00.0");
  assert.equal(clock(3666.789, 3), "1:01:06.789");
  assert.equal(clock(59.5, 0), "1:00");
});

test("halves are rounded up, whatever binary fractions make of them", () => {
  assert.equal(seconds(1.25), "1.3 s");
  assert.equal(clock(0.285, 2), "0:00.29");
  assert.equal(percent(0.125), "13 %");
});

test("a length is a clock from a minute on", () => {
  assert.equal(duration(59.94), "59.9 s");
  assert.equal(duration(59.95), "1:00");
});

test("long times have one unit, in singular and plural", () => {
  assert.deepEqual([90, 3599, 3600, 172_800].map(longTime), ["90 seconds", "60 minutes", "1 hour", "2 days"]);
});

test("sizes have three digits at most after the first thousand", () => {
  assert.deepEqual([999, 1000, 12_345_678, 5e8, 3.2e9].map(fileSize), ["999 bytes", "1.0 kB", "12.3 MB", "500 MB", "3.2 GB"]);
});

test("times are read as people write them", () => {
  for (const [text, time_s] of [["66.5", 66.5], ["1:06.5", 66.5], ["1:01:06,25", 3666.25], [" 7 ", 7]]) {
    assert.equal(parseTime(text), time_s);
  }
});

test("anything else is not a time", () => {
  for (const text of ["", "soon", "1:2:3:4", "-1", "1e3"]) assert.equal(parseTime(text), NaN, text);
});

test("what would reorder a text becomes visible", () => {
  assert.equal(visible("Ana\u202egpj\u0000"), "Ana\\u202egpj\\u0000");
  assert.equal(visible("Ana María می‌خواهم"), "Ana María می‌خواهم");
});

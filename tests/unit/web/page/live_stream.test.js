import assert from "node:assert/strict";
import test from "node:test";

import { LiveStream } from "../../../../client/web/page/live_stream.js";

/** A WebSocket whose other end is the test. */
class FakeSocket extends EventTarget {
  constructor(address) {
    super();
    this.address = address;
    this.texts = [];
    this.audio = [];
    FakeSocket.newest = this;
    FakeSocket.n++;
  }

  send(frame) {
    if (typeof frame === "string") this.texts.push(JSON.parse(frame));
    else this.audio.push(...frame);
  }

  close() {
    this.isClosed = true;
  }

  get types() {
    return this.texts.map(({ type }) => type);
  }
}

globalThis.WebSocket = FakeSocket;
globalThis.location = { href: "https://service.example/#live" };
globalThis.sessionStorage = { getItem: () => "a key" };

const START = { rate_hz: 16000, keep: true };
const counted = (begin, end) => Array.from({ length: end - begin }, (_, n) => begin + n);
const piece = (begin, end) => Int16Array.from(counted(begin, end));
const hear = (frame) => FakeSocket.newest.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify(frame) }));
const lose = () => FakeSocket.newest.dispatchEvent(new Event("close"));
const started = (received, credit = 1000) => hear({ type: "started", session: "s", received, credit });
const ack = (received, credit = 1000) => hear({ type: "ack", received, credit });

/** A stream, and what it reports. */
function begun(t) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  FakeSocket.n = 0;
  const stream = new LiveStream(START);
  const seen = { states: [], events: [] };
  stream.addEventListener("state", ({ detail }) => seen.states.push(detail.problem ? `${detail.state} ${detail.problem.status}` : detail.state));
  stream.addEventListener("event", ({ detail }) => seen.events.push(detail.event.seq));
  FakeSocket.newest.dispatchEvent(new Event("open"));
  return { stream, seen };
}

/** Lose the connection, and wait for the next one. */
function reconnect(t) {
  lose();
  t.mock.timers.tick(5000);
  FakeSocket.newest.dispatchEvent(new Event("open"));
}

test("audio waits for the session", (t) => {
  const { stream } = begun(t);
  stream.add(piece(0, 10));
  assert.deepEqual(FakeSocket.newest.texts, [{ type: "start", ...START, key: "a key" }]);
  assert.equal(FakeSocket.newest.address, "wss://service.example/v1/stream");
  assert.deepEqual(FakeSocket.newest.audio, []);
  started(0);
  stream.add(piece(10, 20));

  assert.deepEqual(FakeSocket.newest.audio, counted(0, 20));
});

test("after a lost connection audio goes on where the service is", (t) => {
  const { stream, seen } = begun(t);
  started(0);
  stream.add(piece(0, 10));
  stream.add(piece(10, 20));
  ack(10);
  hear({ type: "turn", seq: 1 });
  lose();
  stream.add(piece(20, 30));
  t.mock.timers.tick(5000);
  FakeSocket.newest.dispatchEvent(new Event("open"));
  assert.deepEqual(FakeSocket.newest.texts, [{ type: "resume", session: "s", last_seq: 1, key: "a key" }]);
  started(13);
  hear({ type: "turn", seq: 1 });
  hear({ type: "turn", seq: 2 });
  stream.add(piece(30, 40));
  ack(40);

  assert.deepEqual(FakeSocket.newest.audio, counted(13, 40));
  assert.deepEqual(seen.events, [1, 2]);
  assert.deepEqual(seen.states, ["away 0", "back"]);
});

test("no more is sent than the credit allows", (t) => {
  const { stream } = begun(t);
  started(0, 15);
  stream.add(piece(0, 10));
  stream.add(piece(10, 20));
  assert.deepEqual(FakeSocket.newest.audio, counted(0, 10));
  ack(10, 15);

  assert.deepEqual(FakeSocket.newest.audio, counted(0, 20));
});

test("the end follows the audio, again if need be, and the result ends it", (t) => {
  const { stream, seen } = begun(t);
  started(0, 10);
  stream.add(piece(0, 10));
  stream.add(piece(10, 20));
  stream.end();
  stream.add(piece(20, 30));
  assert.deepEqual(FakeSocket.newest.types, ["start"]);
  ack(10, 10);
  assert.deepEqual(FakeSocket.newest.types, ["start", "end"]);
  reconnect(t);
  started(20);
  assert.deepEqual(FakeSocket.newest.types, ["resume", "end"]);
  hear({ type: "result", seq: 1 });
  t.mock.timers.tick(60_000);

  assert.equal(stream.n_samples, 20);
  assert.equal(seen.states.at(-1), "done");
  assert.equal(FakeSocket.n, 2);
});

test("a session that cannot start fails", (t) => {
  const { seen } = begun(t);
  hear({ type: "error", status: 503, detail: "all 32 sessions are taken" });
  lose();
  t.mock.timers.tick(60_000);

  assert.deepEqual(seen.states, ["failed 503"]);
  assert.equal(FakeSocket.n, 1);
});

test("errors that may pass are waited out, longer and longer until audio arrives", (t) => {
  const { stream, seen } = begun(t);
  started(0);
  stream.add(piece(0, 10));
  for (const wait_ms of [300, 1000, 2000, 5000, 5000]) {
    hear({ type: "error", status: 503, detail: "it restarts" });
    lose();
    const before = FakeSocket.n;
    t.mock.timers.tick(wait_ms - 1);
    assert.equal(FakeSocket.n, before);
    t.mock.timers.tick(1);
    assert.equal(FakeSocket.n, before + 1);
    started(0);
  }
  ack(10);
  lose();
  t.mock.timers.tick(300);
  assert.equal(FakeSocket.n, 7);
  hear({ type: "error", status: 404, detail: "the session was never started" });
  lose();

  assert.equal(seen.states.at(-1), "failed 404");
});

test("a session that takes no more audio is ended with what it has", (t) => {
  const { stream, seen } = begun(t);
  started(0);
  stream.add(piece(0, 10));
  ack(10);
  stream.add(piece(10, 20));
  hear({ type: "error", status: 413, detail: "too large" });
  reconnect(t);
  started(10);

  assert.deepEqual(FakeSocket.newest.types, ["resume", "end"]);
  assert.deepEqual(FakeSocket.newest.audio, []);
  assert.deepEqual(seen.states, ["full 413", "back"]);
  assert.equal(stream.n_samples, 10);
});

test("a connection that says nothing is given up", (t) => {
  const { stream } = begun(t);
  started(0);
  const now_ms = performance.now();
  t.mock.method(performance, "now", () => now_ms + 31_000);
  stream.add(piece(0, 10));
  t.mock.timers.tick(300);

  assert.equal(FakeSocket.n, 2);
});

test("a service that has lost audio is not sent what follows", (t) => {
  const { stream, seen } = begun(t);
  started(0);
  stream.add(piece(0, 10));
  ack(10);
  reconnect(t);
  started(5);

  assert.equal(seen.states.at(-1), "failed 0");
  assert.deepEqual(FakeSocket.newest.audio, []);
});

// A live session over the gateway's WebSocket: nothing is lost or doubled when the connection is. No elements here.

import { Problem, apiKey, problemIn, streamAddress } from "./api.js";

const AGAIN_MS = [300, 1000, 2000, 5000];
const SILENT_MS = 30_000; // without any frame while audio is sent: the connection is dead
const GIVE_UP_MS = 600_000; // then the service has forgotten the session, too
const TOO_LONG = [413, 422]; // audio that a session does not take any more

/**
 * Events: `event` {event}, one of the session, such as a turn; `state` {state, problem}: `away`, when it
 * tries to connect again, and `back`; `full`, when it takes no more audio and was ended; `done`, after the result; `failed`.
 */
export class LiveStream extends EventTarget {
  /** `start`: the fields of the first frame. */
  constructor(start) {
    super();
    this.start = start;
    this.session = null;
    this.n_samples = 0;
    this.seq = 0; // of the last event
    this.held = []; // Int16Arrays that no ack covers
    this.base = 0; // number of the first sample in them
    this.sent = null; // samples sent over this connection, counted from the session's start; null before `started`
    this.tries = 0;
    this.away_ms = null; // since when nothing arrives
    this.isOver = this.isEnded = false;
    this.#connect();
  }

  /** Send samples as soon as possible. */
  add(samples) {
    if (this.isEnded) return;
    this.held.push(samples);
    this.n_samples += samples.length;
    if (this.socket && performance.now() - this.heard_ms > SILENT_MS) this.#lost();
    else this.#send();
  }

  /** End the session after the samples so far; the result follows. */
  end() {
    this.isEnded = true;
    this.#send();
  }

  /** Leave the session. */
  close() {
    this.isOver = true;
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = null;
  }

  #connect() {
    const socket = new WebSocket(streamAddress());
    this.socket = socket;
    this.problem = null;
    this.sent = null;
    this.hasSentEnd = false;
    this.heard_ms = performance.now();
    const { session, seq, start } = this;
    const first = session ? { type: "resume", session, last_seq: seq } : { type: "start", ...start };
    const key = apiKey();
    socket.addEventListener("open", () => socket.send(JSON.stringify(key ? { ...first, key } : first)));
    socket.addEventListener("message", ({ data }) => this.socket === socket && this.#heard(JSON.parse(data)));
    socket.addEventListener("close", () => this.socket === socket && this.#lost());
  }

  #heard(frame) {
    this.heard_ms = performance.now();
    if (frame.type === "started" || frame.type === "ack") this.#received(frame);
    else if (frame.type === "error") this.problem = problemIn(frame);
    else if (frame.seq > this.seq) {
      this.seq = frame.seq;
      this.dispatchEvent(new CustomEvent("event", { detail: { event: frame } }));
      if (frame.type === "result") this.#finish("done");
    }
  }

  #received({ type, session, received, credit }) {
    if (received < this.base) {
      this.#finish("failed", new Problem(0, "The service has lost a part of the recording."));
      return;
    }
    this.#forget(received);
    this.limit = received + credit;
    if (type === "started") {
      this.session = session;
      this.sent = received;
    }
    if (type === "ack" || !this.held.length) this.#isBack();
    this.#send();
  }

  #isBack() {
    this.tries = 0;
    if (this.away_ms === null) return;
    this.away_ms = null;
    this.#emit("back");
  }

  /** Forget the samples before number `received`. */
  #forget(received) {
    while (this.held.length && this.base + this.held[0].length <= received) this.base += this.held.shift().length;
    if (this.held.length && received > this.base) {
      this.held[0] = this.held[0].subarray(received - this.base);
      this.base = received;
    }
  }

  #send() {
    if (this.sent === null || !this.socket) return;
    let end = this.base;
    for (const samples of this.held) {
      const begin = end;
      end += samples.length;
      if (end > this.limit) return; // until an ack
      if (end > this.sent) {
        this.socket.send(samples.subarray(Math.max(this.sent - begin, 0)));
        this.sent = end;
      }
    }
    if (this.isEnded && !this.hasSentEnd) {
      this.socket.send(JSON.stringify({ type: "end" }));
      this.hasSentEnd = true;
    }
  }

  #lost() {
    this.socket?.close();
    this.socket = null;
    if (this.isOver) return;
    const problem = this.problem ?? new Problem(0, "The service cannot be reached.");
    this.away_ms ??= performance.now();
    const isFull = this.session && TOO_LONG.includes(problem.status) && !this.isEnded;
    if (isFull) this.#cut(problem);
    else if (!this.session || !problem.mayPass || performance.now() - this.away_ms > GIVE_UP_MS) {
      this.#finish("failed", problem);
      return;
    } else this.#emit("away", problem);
    this.timer = setTimeout(() => this.#connect(), AGAIN_MS[Math.min(this.tries++, AGAIN_MS.length - 1)]);
  }

  /** End the session with what the service has. */
  #cut(problem) {
    this.isEnded = true;
    this.held = [];
    this.n_samples = this.base;
    this.#emit("full", problem);
  }

  #finish(state, problem = null) {
    this.close();
    this.#emit(state, problem);
  }

  #emit(state, problem = null) {
    this.dispatchEvent(new CustomEvent("state", { detail: { state, problem } }));
  }
}

// Saves corrections as they are made: soon, one at a time, again where the service is away.

const SOON_MS = 400;
const AGAIN_MS = [1000, 2000, 4000, 8000, 15000];
const MOST_KEPT_ALIVE = 60_000; // characters that a browser sends after its page has gone

/** Events: `state` {state, message}; the state is `saved`, `saving`, `waiting` or `refused`. */
export class Saver extends EventTarget {
  /** `put(turns, keepalive)` sends them; it fails with a Problem. */
  constructor(put) {
    super();
    this.put = put;
    this.turns = null; // what is to be saved yet
    this.tries = 0;
    this.state = "saved";
    this.onOnline = () => this.turns && this.#soon(0);
    globalThis.addEventListener("online", this.onOnline);
  }

  get isSaved() {
    return this.turns === null && !this.sending;
  }

  /** Save these; those that were given before need it no more. */
  save(turns) {
    this.turns = turns;
    this.tries = 0;
    this.#become("saving", "Saving…");
    this.#soon(SOON_MS);
  }

  #soon(wait_ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), wait_ms);
  }

  /** Save now what is not saved yet; whether all of it is, afterwards. */
  async flush() {
    clearTimeout(this.timer);
    while (this.sending || this.turns) {
      if (this.sending) await this.sending;
      else if (!(await this.#send())) return false;
    }
    return this.state === "saved";
  }

  async #send() {
    const turns = this.turns;
    this.sending = this.put(turns, false).then(
      () => null,
      (problem) => problem,
    );
    const problem = await this.sending;
    this.sending = null;
    if (problem) return this.#failed(problem);
    if (this.turns === turns) this.turns = null;
    this.tries = 0;
    if (!this.turns) this.#become("saved", "All changes saved");
    return true;
  }

  #failed(problem) {
    if (problem.mayPass) {
      this.#become("waiting", `Not saved yet. ${problem.message}`);
      this.#soon(AGAIN_MS[Math.min(this.tries++, AGAIN_MS.length - 1)]);
    } else {
      this.#become("refused", `Not saved. ${problem.message}`);
    }
    return false;
  }

  /** The page goes away: send what is left, as far as browsers do so. */
  leave() {
    if (this.turns && JSON.stringify(this.turns).length < MOST_KEPT_ALIVE) {
      this.put(this.turns, true).catch(() => {});
    }
  }

  #become(state, message) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, message } }));
  }

  destroy() {
    this.leave();
    clearTimeout(this.timer);
    globalThis.removeEventListener("online", this.onOnline);
  }
}

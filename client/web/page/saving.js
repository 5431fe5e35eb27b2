// Keeps corrections: in the gateway, and with their history in this tab.

import { History } from "./editor.js";
import { keyed, unkeyed } from "./turns.js";

const SOON_MS = 400;
const AGAIN_MS = [1000, 2000, 4000, 8000, 15000];
const MOST_KEPT_ALIVE = 60_000; // characters; browsers limit what they send after the page has gone

/** Events: `state` {state, message}; the state is `saved`, `saving`, `waiting` or `refused`. */
export class Saver extends EventTarget {
  /** `put(turns, keepalive)` sends them; it rejects with a Problem. */
  constructor(put) {
    super();
    this.put = put;
    this.turns = null; // what is not saved yet
    this.tries = 0;
    this.state = "saved";
    this.onOnline = () => this.turns && this.#soon(0);
    globalThis.addEventListener("online", this.onOnline);
  }

  get isSaved() {
    return this.turns === null && !this.sending;
  }

  /** Save these turns soon, in place of earlier ones that are not saved yet. */
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

  /** Save now what is not saved yet; resolves to whether everything is saved then. */
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

  /** Send what is left as the page goes away, as far as browsers allow. */
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

const MOST_CHARACTERS = 2_000_000; // of a draft; browsers keep about five million in all
const placeOf = (id) => `diarization-draft-${id}`;

/**
 * Restore the history of a job from this tab; `turns` are those of the service. `isUnsaved` says that this
 * tab has later ones, which could not be saved before the page was left.
 */
export function restoreDraft(id, turns) {
  try {
    const { history, isSaved } = JSON.parse(sessionStorage.getItem(placeOf(id)));
    const draft = History.fromText(history);
    const isSame = sameTurns(draft.turns, turns);
    if (isSame || !isSaved) return { history: draft, isUnsaved: !isSame };
  } catch {
    // none was kept, or it cannot be read
  }
  return { history: new History(keyed(turns)), isUnsaved: false };
}

export function keepDraft(id, history, isSaved) {
  const text = history.asText(MOST_CHARACTERS);
  try {
    if (text === null) sessionStorage.removeItem(placeOf(id));
    else sessionStorage.setItem(placeOf(id), JSON.stringify({ history: text, isSaved }));
  } catch {
    sessionStorage.removeItem(placeOf(id)); // no room: an older one would be wrong
  }
}

/** Whether two lists are equal but for keys and order. */
export function sameTurns(one, other) {
  const plain = (turns) =>
    JSON.stringify(
      unkeyed(keyed(turns)).map(({ start_s, end_s, speaker, confidence, channel }) => [start_s, end_s, speaker, confidence, channel]).sort(),
    );
  return plain(one) === plain(other);
}

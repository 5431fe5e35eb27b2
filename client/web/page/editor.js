// What is being corrected: the turns, their history, and the turn that is chosen.

import { History } from "./history.js";
import { EditError } from "./names.js";
import * as corrections from "./turns.js";

/**
 * Events: `changed` {label, isSaved}, after every correction, undo and redo; `refused` {message, about}, a
 * sentence, where one cannot be made, about `speakers` or a `turn`; `chosen`, when another turn is.
 */
export class Editor extends EventTarget {
  constructor(history, audio_s) {
    super();
    this.history = history;
    this.audio_s = audio_s;
    this.chosen = null; // key of a turn
  }

  get turns() {
    return this.history.turns;
  }

  get turn() {
    return this.turns.find((turn) => turn.key === this.chosen) ?? null;
  }

  /** Choose a turn by its key; null for none. */
  choose(key) {
    if (key === this.chosen) return;
    this.chosen = key;
    this.dispatchEvent(new CustomEvent("chosen"));
  }

  rename(speaker, text) {
    return this.#correct(`rename ${speaker}`, (turns) => corrections.renamed(turns, speaker, text), "speakers");
  }

  merge(speaker, into) {
    return this.#correct(`merge ${speaker} into ${into}`, (turns) => corrections.merged(turns, speaker, into));
  }

  reassign(speaker) {
    return this.#correct("change who talks", (turns) => corrections.reassigned(turns, this.chosen, speaker));
  }

  move(start_s, end_s) {
    return this.#correct("move a border", (turns) => corrections.moved(turns, this.chosen, start_s, end_s, this.audio_s));
  }

  /** Split the chosen turn at a moment, or whichever turn lies there. */
  split(time_s) {
    const lies = (turn) => turn && turn.start_s < time_s && turn.end_s > time_s;
    const turn = lies(this.turn) ? this.turn : this.turns.find(lies);
    return this.#correct("split a turn", (turns) => corrections.split(turns, turn?.key ?? this.chosen, time_s));
  }

  remove() {
    return this.#correct("delete a turn", (turns) => corrections.removed(turns, this.chosen));
  }

  /** Add a turn at a moment, by who talks in the chosen turn, or else by the first speaker. */
  add(time_s) {
    const like = this.turn ?? this.turns[0];
    const speaker = like?.speaker ?? corrections.freeName(this.turns);
    const before = new Set(this.turns.map(({ key }) => key));
    const isAdded = this.#correct("add a turn", (turns) =>
      corrections.added(turns, time_s, speaker, this.audio_s, like?.channel),
    );
    if (isAdded) this.choose(this.turns.find(({ key }) => !before.has(key)).key);
    return isAdded;
  }

  /** Take over what was corrected in another window; it can be undone too. */
  adopt(turns) {
    this.history.record("what another window did", turns);
    const label = "Corrected in another window";
    this.dispatchEvent(new CustomEvent("changed", { detail: { label, isSaved: true } }));
  }

  undo() {
    this.#tell(this.history.undo(), "Undone");
  }

  redo() {
    this.#tell(this.history.redo(), "Done again");
  }

  /** Make one correction; whether it could be made. */
  #correct(label, make, about = "turn") {
    let turns;
    try {
      turns = make(this.turns);
    } catch (error) {
      if (!(error instanceof EditError)) throw error;
      this.dispatchEvent(new CustomEvent("refused", { detail: { message: error.message, about } }));
      return false;
    }
    if (JSON.stringify(turns) === JSON.stringify(this.turns)) return true;
    this.history.record(label, turns);
    this.#tell(label, "Done");
    return true;
  }

  #tell(label, what) {
    if (label !== null) this.dispatchEvent(new CustomEvent("changed", { detail: { label: `${what}: ${label}` } }));
  }
}

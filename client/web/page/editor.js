// What is being corrected: the turns, the selected one, and the history for undo and redo. No elements here.

import * as corrections from "./turns.js";

const MOST_STEPS = 200;

/**
 * Events: `changed` {label, isSaved}, after every correction, undo and redo; `refused` {message, about}, with
 * a sentence about `speakers` or a `turn`, if a correction is invalid; `chosen`, when the selection changes.
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

  /** Select a turn by its key; null for none. */
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

  /** Split the selected turn at a time, or another turn there. */
  split(time_s) {
    const covers = (turn) => turn && turn.start_s < time_s && turn.end_s > time_s;
    const turn = covers(this.turn) ? this.turn : this.turns.find(covers);
    return this.#correct("split a turn", (turns) => corrections.split(turns, turn?.key ?? this.chosen, time_s));
  }

  remove() {
    return this.#correct("delete a turn", (turns) => corrections.removed(turns, this.chosen));
  }

  /** Add a turn at a time, with the speaker of the selected turn, or else the first speaker. */
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

  /** Take over what was corrected in another window; this can be undone too. */
  adopt(turns) {
    this.history.record("what another window did", turns);
    const label = "Corrected in another window";
    this.dispatchEvent(new CustomEvent("changed", { detail: { label, isSaved: true } }));
  }

  undo() {
    this.#emit(this.history.undo(), "Undone");
  }

  redo() {
    this.#emit(this.history.redo(), "Done again");
  }

  /** Make one correction; returns whether it was valid. */
  #correct(label, make, about = "turn") {
    let turns;
    try {
      turns = make(this.turns);
    } catch (error) {
      if (!(error instanceof corrections.EditError)) throw error;
      this.dispatchEvent(new CustomEvent("refused", { detail: { message: error.message, about } }));
      return false;
    }
    if (JSON.stringify(turns) === JSON.stringify(this.turns)) return true;
    this.history.record(label, turns);
    this.#emit(label, "Done");
    return true;
  }

  #emit(label, what) {
    if (label !== null) this.dispatchEvent(new CustomEvent("changed", { detail: { label: `${what}: ${label}` } }));
  }
}

/** The states that a list of turns went through: undo and redo. */
export class History {
  /** `past` and `future` are lists of {label, turns}, the nearest last. */
  constructor(turns, past = [], future = []) {
    this.turns = turns;
    this.past = past;
    this.future = future;
  }

  /** Record new turns; `label` says what was done. */
  record(label, turns) {
    this.past = [...this.past, { label, turns: this.turns }].slice(-MOST_STEPS);
    this.future = [];
    this.turns = turns;
  }

  /** Take the last correction back; returns its label, or null. */
  undo() {
    return this.#step("past", "future");
  }

  /** Make the correction again that was taken back last; returns its label, or null. */
  redo() {
    return this.#step("future", "past");
  }

  #step(from, to) {
    const step = this[from].at(-1);
    if (!step) return null;
    this[from] = this[from].slice(0, -1);
    this[to] = [...this[to], { label: step.label, turns: this.turns }];
    this.turns = step.turns;
    return step.label;
  }

  get canUndo() {
    return this.past.at(-1)?.label ?? null;
  }

  get canRedo() {
    return this.future.at(-1)?.label ?? null;
  }

  /** Write as text of at most `most` characters, without the oldest steps if needed; null if impossible. */
  asText(most) {
    for (let n = this.past.length; n >= 0; n = n ? Math.floor(n / 2) : -1) {
      const { turns, future } = this;
      const past = n ? this.past.slice(-n) : [];
      const text = JSON.stringify({ turns, past, future: n ? future : [] });
      if (text.length <= most) return text;
    }
    return null;
  }

  static fromText(text) {
    const { turns, past, future } = JSON.parse(text);
    return new History(turns, past, future);
  }
}

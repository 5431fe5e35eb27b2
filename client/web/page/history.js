// All states that lists of turns went through: undo and redo. No elements here.

const MOST_STEPS = 200;

export class History {
  /** `past` and `future` are lists of {label, turns}, the nearest last. */
  constructor(turns, past = [], future = []) {
    this.turns = turns;
    this.past = past;
    this.future = future;
  }

  /** Go on to other turns; `label` says what was done. */
  record(label, turns) {
    this.past = [...this.past, { label, turns: this.turns }].slice(-MOST_STEPS);
    this.future = [];
    this.turns = turns;
  }

  /** Take the last correction back; what it was, or null. */
  undo() {
    return this.#step("past", "future");
  }

  /** Make the one that was taken back again; what it was, or null. */
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

  /** As text of at most so many characters; the oldest steps are left out. */
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

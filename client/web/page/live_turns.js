// The turns of a live session, as its events report them, and the names of its speakers. No elements here.

import { EditError, refuseTwin, usableName } from "./turns.js";

const PAUSE_S = 0.5; // who has stopped for longer is not speaking

export class LiveTurns {
  constructor() {
    this.turns = new Map(); // by id
    this.names = new Map(); // those that the user gave, by speaker
    this.heard_s = 0;
    this.reported_s = 0; // up to here turns are reported
  }

  /** Take an event over; types that are not known are ignored. */
  take(event) {
    if (event.type === "turn") this.#turn(event);
    else if (event.type === "relabel") this.#relabel(event);
    else if (event.type === "progress") {
      this.heard_s = event.heard_s;
      this.reported_s = event.reported_s ?? event.final_s;
    }
  }

  #turn({ id, speaker, start_s, end_s, state, confidence }) {
    if (end_s > start_s) this.turns.set(id, { id, speaker, start_s, end_s, state, confidence });
    else this.turns.delete(id); // it turned out to be none
  }

  /** A name goes along if nothing is left of its speaker and the other one has none. */
  #relabel({ from, to, until_s, turns }) {
    for (const turn of this.turns.values()) {
      const isMeant = turn.speaker === from && turn.start_s < until_s && (turns?.includes(turn.id) ?? true);
      if (isMeant) turn.speaker = to;
    }
    if (!this.names.has(from) || this.speakers.includes(from)) return;
    if (!this.names.has(to)) this.names.set(to, this.names.get(from));
    this.names.delete(from);
  }

  get #ordered() {
    return [...this.turns.values()].sort((a, b) => a.start_s - b.start_s || a.end_s - b.end_s);
  }

  /** All speakers, by first appearance. */
  get speakers() {
    return [...new Set(this.#ordered.map(({ speaker }) => speaker))];
  }

  nameOf(speaker) {
    return this.names.get(speaker) ?? speaker;
  }

  /** The turns with their speakers' names, by start time, as the viewer takes them. */
  get named() {
    return this.#ordered.map((turn) => ({ ...turn, speaker: this.nameOf(turn.speaker) }));
  }

  /** The speakers who are speaking now. */
  get speaking() {
    const now = this.#ordered.filter(({ state, end_s }) => state === "partial" && end_s > this.reported_s - PAUSE_S);
    return [...new Set(now.map(({ speaker }) => speaker))];
  }

  /** Name a speaker; EditError if that is no name, or another's. */
  rename(speaker, text) {
    const name = usableName(text);
    const others = this.speakers.filter((other) => other !== speaker).map((other) => this.nameOf(other));
    if (others.includes(name)) throw new EditError(`There is another “${name}”.`);
    refuseTwin(name, others);
    this.names.set(speaker, name);
  }

  /**
   * The names as [speaker, name] of the finished recording: each for the speaker who shares most time with the one
   * who was given it. Of two names for one speaker that of more time remains.
   */
  namesFor(found) {
    const best = new Map();
    const named = this.#ordered.filter(({ speaker }) => this.names.has(speaker));
    for (const [live, byFound] of sharedTimes(named, found)) {
      const [speaker, shared_s] = [...byFound].sort((a, b) => b[1] - a[1])[0];
      if (shared_s > (best.get(speaker)?.shared_s ?? 0)) best.set(speaker, { name: this.names.get(live), shared_s });
    }
    return [...best].map(([speaker, { name }]) => [speaker, name]);
  }
}

/** Seconds that speakers share with others, by speaker and other; both lists are in order of start time. */
function sharedTimes(turns, others) {
  const shared = new Map();
  for (const { speaker, start_s, end_s } of turns) {
    for (const other of others) {
      if (other.start_s >= end_s) break;
      const both_s = Math.min(end_s, other.end_s) - Math.max(start_s, other.start_s);
      if (both_s <= 0) continue;
      if (!shared.has(speaker)) shared.set(speaker, new Map());
      const sums = shared.get(speaker);
      sums.set(other.speaker, (sums.get(other.speaker) ?? 0) + both_s);
    }
  }
  return shared;
}

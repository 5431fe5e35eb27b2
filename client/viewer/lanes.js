// The lanes: which there are, what each contains, and how they are drawn.

import { element } from "./dom.js";
import { clock, duration, percent, seconds } from "./format.js";

export const N_VOICES = 8; // colours in colours.css; further speakers share them, each in a lane of its own

/** Give every speaker the number of a colour, by first appearance. */
export function voices(turns) {
  const names = new Set(turns.map((turn) => turn.speaker));
  return new Map([...names].map((name, number) => [name, number % N_VOICES]));
}

/** The CSS class of a colour number; null is for who has no colour. */
export function voiceClass(voice) {
  return voice === null ? "voice-none" : `voice-${voice}`;
}

const THIN_PX = 3; // what is thinner, and the gaps between, are drawn as one block
const ERROR_KINDS = [
  ["missed", "Missed"],
  ["false_alarm", "False alarm"],
  ["confusion", "Confusion"],
];

/**
 * All lanes, from the top: each speaker's, with the lane of the matching true speaker below it, then
 * true speakers without a match, overlap, errors. A lane is {kind, label, note, voice, pieces}, a piece
 * {start_s, end_s, text, index}; `index` is the turn's in its list, in speakers' lanes only.
 */
export function lanesOf(view, turns) {
  const match = view.match ?? {};
  const reference = piecesBySpeaker(view.reference ?? []);
  const colours = voices(turns);
  const lanes = [];
  for (const [speaker, pieces] of piecesBySpeaker(turns)) {
    const voice = colours.get(speaker);
    lanes.push(makeLane("speaker", speaker, voice, pieces));
    if (Object.hasOwn(match, speaker)) lanes.push(trueLane(match[speaker], voice, reference));
  }
  const matched = new Set(Object.values(match));
  for (const name of reference.keys()) {
    if (!matched.has(name)) lanes.push(trueLane(name, null, reference));
  }
  const overlap = overlaps(turns);
  if (overlap.length) lanes.push(makeLane("overlap", "Overlap", null, overlap));
  for (const [kind, label] of view.errors ? ERROR_KINDS : []) {
    lanes.push(makeLane(kind, label, null, errorPieces(view.errors, kind, label)));
  }
  return lanes;
}

function makeLane(kind, label, voice, pieces) {
  const total_s = pieces.reduce((sum, piece) => sum + (piece.end_s - piece.start_s) * piece.n, 0);
  return { kind, label, voice, pieces, note: duration(total_s) };
}

function trueLane(speaker, voice, reference) {
  return makeLane("reference", `Reference ${speaker}`, voice, reference.get(speaker));
}

/** The pieces of each speaker, by start time; the speakers by first appearance. */
function piecesBySpeaker(turns) {
  const groups = new Map();
  turns.forEach((turn, index) => {
    if (!groups.has(turn.speaker)) groups.set(turn.speaker, []);
    groups.get(turn.speaker).push({ ...turn, index, n: 1, text: turnText(turn) });
  });
  for (const pieces of groups.values()) pieces.sort((a, b) => a.start_s - b.start_s);
  return groups;
}

function turnText(turn) {
  const times = `${clock(turn.start_s, 2)} – ${clock(turn.end_s, 2)}`;
  const known = typeof turn.confidence === "number";
  const sureness = known ? `, confidence ${percent(turn.confidence)}` : "";
  return `${turn.speaker}, ${times} (${seconds(turn.end_s - turn.start_s)}${sureness})`;
}

function errorPieces(errors, kind, label) {
  return errors
    .filter((error) => error.kind === kind)
    .map((error) => ({ ...error, n: error.n_speakers, text: errorText(error, label) }));
}

function errorText(error, label) {
  const times = `${clock(error.start_s, 2)} – ${clock(error.end_s, 2)}`;
  const true_names = error.true.join(" and ") || "no one";
  const found_names = error.found.join(" and ") || "no one";
  return `${label}, ${times}: ${true_names} talks, found ${found_names}`;
}

/** Starts and ends of turns, {time_s, step, speaker}, by time; ends before starts of the same time. */
export function changesOf(turns) {
  const changes = turns.flatMap(({ speaker, start_s, end_s }) => [
    { time_s: start_s, step: 1, speaker },
    { time_s: end_s, step: -1, speaker },
  ]);
  return changes.sort((a, b) => a.time_s - b.time_s || a.step - b.step);
}

/** Stretches in which two or more different speakers talk. */
export function overlaps(turns) {
  const open = new Map();
  const found = [];
  let since_s = null;
  for (const { time_s, step, speaker } of changesOf(turns)) {
    open.set(speaker, (open.get(speaker) ?? 0) + step);
    if (!open.get(speaker)) open.delete(speaker);
    if (open.size > 1 && since_s === null) since_s = time_s;
    if (open.size < 2 && since_s !== null) {
      if (time_s > since_s) found.push({ start_s: since_s, end_s: time_s, n: 1 });
      since_s = null;
    }
  }
  return found.map((each) => ({ ...each, text: `Overlap, ${clock(each.start_s, 2)} – ${clock(each.end_s, 2)}` }));
}

/**
 * Blocks to draw of the pieces from `start_s` to `end_s`: {start_s, end_s, pieces, covered}. A block is one
 * piece, or several where pieces are shorter or closer than `thin_s`; such a block is up to three times as
 * long, and `covered` is the share of it that the pieces fill.
 */
export function visibleBlocks(pieces, start_s, end_s, thin_s) {
  const blocks = [];
  for (const piece of pieces) {
    if (piece.end_s < start_s) continue;
    if (piece.start_s > end_s) break;
    const length_s = piece.end_s - piece.start_s;
    const last = blocks.at(-1);
    const isThin = last && (length_s < thin_s || last.end_s - last.start_s < thin_s || last.pieces.length > 1);
    const isClose = last && piece.start_s - last.end_s < thin_s && piece.end_s - last.start_s < 3 * thin_s;
    if (isThin && isClose) {
      last.end_s = Math.max(last.end_s, piece.end_s);
      last.filled_s += length_s;
      last.pieces.push(piece);
    } else {
      blocks.push({ start_s: piece.start_s, end_s: piece.end_s, filled_s: length_s, pieces: [piece] });
    }
  }
  return blocks.map((block) => ({ ...block, covered: Math.min(block.filled_s / (block.end_s - block.start_s), 1) }));
}

/** The rows on the page: a label and a track with blocks for each lane. */
export class Lanes {
  constructor() {
    this.labels = element("div", { class: "labels" });
    this.tracks = element("div", { class: "tracks" });
    this.lanes = [];
    this.selected = -1; // index of a turn
  }

  /** Show these lanes, from `lanesOf`; `draw` fills their tracks. */
  show(lanes) {
    this.lanes = lanes;
    this.labels.replaceChildren(element("div", { class: "label-space" }), ...lanes.map(laneLabel));
    this.tracks.replaceChildren(...lanes.map(laneTrack));
  }

  /** Draw the blocks that lie from pixel `left` to `right` of the timeline. */
  draw(scale, left, right) {
    const thin_s = THIN_PX / scale.px_per_s;
    this.lanes.forEach((lane, number) => {
      const blocks = visibleBlocks(lane.pieces, scale.time(left), scale.time(right), thin_s);
      this.tracks.children[number].replaceChildren(...blocks.map((block) => this.#block(scale, lane, block)));
    });
  }

  #block(scale, { kind }, { start_s, end_s, pieces, covered }) {
    const [{ index, text }] = pieces;
    const isSelected = kind === "speaker" && pieces.some((piece) => piece.index === this.selected);
    const isPartial = pieces.at(-1).state === "partial"; // of a live recording: it may still change
    const made = element("div", {
      class: ["block", isSelected && "selected", pieces.length > 1 && "many", isPartial && "partial"].filter(Boolean).join(" "),
      title: pieces.length > 1 ? `${pieces.length} stretches: zoom in` : text,
      "data-index": kind === "speaker" && pieces.length === 1 ? index : null,
    });
    made.style.left = `${scale.x(start_s)}px`;
    made.style.width = `${Math.max(scale.x(end_s - start_s), 2)}px`;
    if (pieces.length > 1) made.style.opacity = 0.3 + 0.7 * covered;
    return made;
  }

  /** The track of a speaker's lane. */
  trackOf(speaker) {
    return this.tracks.children[this.lanes.findIndex(({ kind, label }) => kind === "speaker" && label === speaker)];
  }

  /** The turn's piece at a time in a track, or the nearest within a few pixels. */
  pieceAt(scale, track, time_s) {
    const { pieces } = this.lanes[[...this.tracks.children].indexOf(track)];
    const distance = (piece) => Math.max(piece.start_s - time_s, time_s - piece.end_s, 0);
    const near = pieces.filter((piece) => distance(piece) <= THIN_PX / scale.px_per_s);
    return near.sort((a, b) => distance(a) - distance(b))[0];
  }
}

function laneLabel(lane) {
  const classes = `label lane-${lane.kind} ${voiceClass(lane.voice)}`;
  const name = element("span", { class: "name", title: lane.label }, element("bdi", {}, lane.label));
  const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
  return element("div", { class: classes }, swatch, name, element("span", { class: "note" }, lane.note));
}

function laneTrack(lane) {
  const n = lane.pieces.length;
  const words = `${lane.label}: ${n} ${n === 1 ? "stretch" : "stretches"}, ${lane.note}`;
  const classes = `track lane-${lane.kind} ${voiceClass(lane.voice)}`;
  return element("div", { class: classes, role: "img", "aria-label": words });
}

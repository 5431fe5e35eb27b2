"use strict";
// Which lanes there are and what lies in them; no elements here.

const ERROR_KINDS = [
  ["missed", "Missed"],
  ["false_alarm", "False alarm"],
  ["confusion", "Confusion"],
];

/**
 * All lanes, from above: a speaker's, below it the lane of the true speaker that matches, then true
 * speakers without match, overlap, errors. A lane is {kind, label, note, voice, pieces}, a piece
 * {start_s, end_s, text, index}; `index` is the turn's own in its list, of speakers' lanes only.
 */
function lanesOf(view, turns) {
  const match = view.match ?? {};
  const reference = piecesBySpeaker(view.reference ?? []);
  const colours = voices(turns);
  const lanes = [];
  for (const [speaker, pieces] of piecesBySpeaker(turns)) {
    const voice = colours.get(speaker);
    lanes.push(lane("speaker", speaker, voice, pieces));
    if (Object.hasOwn(match, speaker)) lanes.push(trueLane(match[speaker], voice, reference));
  }
  const matched = new Set(Object.values(match));
  for (const name of reference.keys()) {
    if (!matched.has(name)) lanes.push(trueLane(name, null, reference));
  }
  const overlap = overlaps(turns);
  if (overlap.length) lanes.push(lane("overlap", "Overlap", null, overlap));
  for (const [kind, label] of view.errors ? ERROR_KINDS : []) {
    lanes.push(lane(kind, label, null, errorPieces(view.errors, kind, label)));
  }
  return lanes;
}

function lane(kind, label, voice, pieces) {
  const total_s = pieces.reduce((sum, piece) => sum + (piece.end_s - piece.start_s) * piece.n, 0);
  return { kind, label, voice, pieces, note: duration(total_s) };
}

function trueLane(speaker, voice, reference) {
  return lane("reference", `Reference ${speaker}`, voice, reference.get(speaker));
}

/** The pieces of each speaker, in order of begin; the speakers by first appearance. */
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
  const true_names = error.true.join(" and ") || "nobody";
  const found_names = error.found.join(" and ") || "nobody";
  return `${label}, ${times}: ${true_names} talks, found ${found_names}`;
}

/** Begins and ends of turns, {time_s, step, speaker}, in order of time; of one moment the ends first. */
function changesOf(turns) {
  const changes = turns.flatMap(({ speaker, start_s, end_s }) => [
    { time_s: start_s, step: 1, speaker },
    { time_s: end_s, step: -1, speaker },
  ]);
  return changes.sort((a, b) => a.time_s - b.time_s || a.step - b.step);
}

/** Stretches in which two or more different speakers talk. */
function overlaps(turns) {
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
 * Blocks to draw of the pieces from `start_s` to `end_s`: a piece each, or, where pieces are shorter
 * or closer than `thin_s`, several in one block of up to three times that, {start_s, end_s, pieces,
 * covered}; `covered` is the share of the block that they fill.
 */
function visibleBlocks(pieces, start_s, end_s, thin_s) {
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

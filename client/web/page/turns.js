// Corrections: each makes a new list of turns from one and changes none. No elements here.
//
// A turn is {key, start_s, end_s, speaker, confidence, channel}; `key` stays with it for good, and
// `channel` is present only if the recording has several. Lists are sorted by start time.

const LEAST_S = 0.01; // of a turn
const NEW_TURN_S = 2;
const BY_HAND = 1; // confidence of manual corrections, as in the gateway

/** Give every turn its key, in order of start time. */
export function keyed(turns) {
  return ordered(turns).map((turn, key) => ({ ...turn, key }));
}

/** The turns as the gateway takes them. */
export function unkeyed(turns) {
  return turns.map(({ key, confidence, ...rest }) => (typeof confidence === "number" ? { ...rest, confidence } : rest));
}

/** All speakers, by first appearance. */
export function speakersOf(turns) {
  return [...new Set(turns.map((turn) => turn.speaker))];
}

/** A name as the service gives, which no speaker has yet. */
export function freeName(turns) {
  const taken = new Set(speakersOf(turns));
  let number = taken.size;
  const name = () => `SPEAKER_${String(number).padStart(2, "0")}`;
  while (taken.has(name())) number++;
  return name();
}

/** Give a speaker another name, which no other speaker may have. */
export function renamed(turns, speaker, text) {
  const name = usableName(text);
  const others = speakersOf(turns).filter((other) => other !== speaker);
  if (others.includes(name)) throw new EditError(`There is another “${name}”: merge the two instead.`);
  refuseTwin(name, others);
  return turns.map((turn) => (turn.speaker === speaker ? { ...turn, speaker: name } : turn));
}

/** Make two speakers one; turns that then touch or overlap become one too. */
export function merged(turns, speaker, into) {
  const relabelled = turns.map((turn) => (turn.speaker === speaker ? { ...turn, speaker: into } : turn));
  return joined(relabelled, into);
}

/** Give a turn to another speaker; a new name adds a speaker. */
export function reassigned(turns, key, text) {
  const speaker = usableName(text);
  refuseTwin(speaker, speakersOf(turns));
  return changed(turns, key, { speaker, confidence: BY_HAND });
}

/** Move a turn's borders; they must stay in order and are kept within the recording. */
export function moved(turns, key, start_s, end_s, audio_s) {
  if (!Number.isFinite(start_s) || !Number.isFinite(end_s)) throw new EditError("A border is a number of seconds.");
  const begin_s = rounded(Math.max(start_s, 0));
  const stop_s = Math.min(rounded(end_s), audio_s);
  if (stop_s - begin_s < LEAST_S - 1e-9) {
    throw new EditError("A turn ends after it begins, and within the recording.");
  }
  return changed(turns, key, { start_s: begin_s, end_s: stop_s, confidence: BY_HAND });
}

/** Cut a turn in two; the second part is a new turn. */
export function split(turns, key, time_s) {
  const turn = find(turns, key);
  const cut_s = rounded(time_s);
  if (cut_s - turn.start_s < LEAST_S || turn.end_s - cut_s < LEAST_S) {
    throw new EditError("To split a turn, put the playhead inside it.");
  }
  const second = { ...turn, key: freeKey(turns), start_s: cut_s };
  return ordered([...turns.map((each) => (each.key === key ? { ...each, end_s: cut_s } : each)), second]);
}

/** Delete a turn. */
export function removed(turns, key) {
  find(turns, key);
  return turns.filter((turn) => turn.key !== key);
}

/** Add a turn of up to two seconds from a time on. */
export function added(turns, time_s, speaker, audio_s, channel) {
  const start_s = rounded(Math.max(Math.min(time_s, audio_s - LEAST_S), 0));
  const end_s = Math.min(rounded(start_s + NEW_TURN_S), audio_s);
  const turn = { key: freeKey(turns), start_s, end_s, speaker: usableName(speaker), confidence: BY_HAND };
  return ordered([...turns, channel === undefined ? turn : { ...turn, channel }]);
}

function find(turns, key) {
  const turn = turns.find((each) => each.key === key);
  if (!turn) throw new EditError("Choose a turn first.");
  return turn;
}

function changed(turns, key, change) {
  find(turns, key);
  return ordered(turns.map((turn) => (turn.key === key ? { ...turn, ...change } : turn)));
}

function joined(turns, speaker) {
  const last = new Map(); // by channel
  const kept = [];
  for (const turn of turns) {
    const before = turn.speaker === speaker ? last.get(turn.channel) : undefined;
    if (before && turn.start_s <= before.end_s) {
      before.end_s = Math.max(before.end_s, turn.end_s);
      before.confidence = lower(before.confidence, turn.confidence);
      continue;
    }
    kept.push({ ...turn });
    if (turn.speaker === speaker) last.set(turn.channel, kept.at(-1));
  }
  return kept;
}

/** The lower of two confidences; either may be unknown. */
function lower(one, other) {
  if (typeof one !== "number") return other;
  return typeof other === "number" ? Math.min(one, other) : one;
}

function ordered(turns) {
  return [...turns].sort((a, b) => a.start_s - b.start_s || a.end_s - b.end_s);
}

function freeKey(turns) {
  return turns.reduce((most, turn) => Math.max(most, turn.key), -1) + 1;
}

function rounded(time_s) {
  return Math.round(time_s * 1000) / 1000;
}

const MOST_CHARACTERS = 100; // the gateway's limit

// Control characters, bidi controls and zero-width spaces, as in the gateway; joiners are allowed.
const MISLEADING = /[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/u;

/** An invalid correction; the message is a sentence for the user. */
export class EditError extends Error {}

/** Clean up a typed name; EditError if it is invalid. */
export function usableName(text) {
  const name = text.normalize("NFC").replace(/\s+/gu, " ").trim();
  if (!name) throw new EditError("A name needs at least one letter.");
  if (MISLEADING.test(name)) throw new EditError("A name may not hold control characters, direction marks or zero-width spaces.");
  if (name.toUpperCase() === "<NA>") throw new EditError("<NA> means no speaker in RTTM: choose another name.");
  if ([...name].length > MOST_CHARACTERS) {
    throw new EditError(`A name may have at most ${MOST_CHARACTERS} characters.`);
  }
  return name;
}

/** The name in RTTM, where white space becomes "_". */
export function rttmName(name) {
  return name.split(/\s+/u).filter(Boolean).join("_");
}

/** EditError if `name` and one of `others` would be the same in RTTM. */
export function refuseTwin(name, others) {
  const twin = others.find((other) => other !== name && rttmName(other) === rttmName(name));
  if (twin !== undefined) {
    throw new EditError(`“${name}” and “${twin}” would be one name in RTTM: choose another.`);
  }
}

// The history of corrections, kept in this tab so that undo goes on after a reload.

import { History } from "./history.js";
import { keyed, unkeyed } from "./turns.js";

const MOST = 2_000_000; // characters; browsers keep about five million for all
const placeOf = (id) => `diarization-draft-${id}`;

/**
 * The history of a job whose turns are these at the service. `isUnsaved` says that this tab has later
 * ones, which could not be saved before the page was left.
 */
export function restored(id, turns) {
  try {
    const { history, isSaved } = JSON.parse(sessionStorage.getItem(placeOf(id)));
    const draft = History.fromText(history);
    const isSame = sameTurns(draft.turns, turns);
    if (isSame || !isSaved) return { history: draft, isUnsaved: !isSame };
  } catch {
    // none was kept, or none that can be read
  }
  return { history: new History(keyed(turns)), isUnsaved: false };
}

export function keepDraft(id, history, isSaved) {
  const text = history.asText(MOST);
  try {
    if (text === null) sessionStorage.removeItem(placeOf(id));
    else sessionStorage.setItem(placeOf(id), JSON.stringify({ history: text, isSaved }));
  } catch {
    sessionStorage.removeItem(placeOf(id)); // no room: an older one would be wrong
  }
}

/** Whether two lists say the same, whatever their keys and order. */
export function sameTurns(one, other) {
  const plain = (turns) =>
    JSON.stringify(
      unkeyed(keyed(turns)).map(({ start_s, end_s, speaker, confidence, channel }) => [start_s, end_s, speaker, confidence, channel]).sort(),
    );
  return plain(one) === plain(other);
}

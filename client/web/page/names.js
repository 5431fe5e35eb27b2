// Speakers' names: for people with blanks and any letters, for RTTM without white space.

export const MOST_CHARACTERS = 100; // as the gateway has it

// Control characters, bidi controls and zero-width spaces, as the gateway has it; joiners may stand.
const MISLEADING = /[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/u;

/** A correction that cannot be made; the message is a sentence for people. */
export class EditError extends Error {}

/** Make a name of what somebody typed; EditError where it cannot be one. */
export function usableName(text) {
  const name = text.normalize("NFC").replace(/\s+/gu, " ").trim();
  if (!name) throw new EditError("A name needs at least one letter.");
  if (MISLEADING.test(name)) throw new EditError("A name may not hold control characters, direction marks or zero-width spaces.");
  if (name.toUpperCase() === "<NA>") throw new EditError("<NA> means nobody in RTTM: choose another name.");
  if ([...name].length > MOST_CHARACTERS) {
    throw new EditError(`A name may have at most ${MOST_CHARACTERS} characters.`);
  }
  return name;
}

/** The name as RTTM can hold it: white space becomes "_". */
export function rttmName(name) {
  return name.split(/\s+/u).filter(Boolean).join("_");
}

/** EditError where RTTM could not tell `name` from one of `others`. */
export function refuseTwin(name, others) {
  const twin = others.find((other) => other !== name && rttmName(other) === rttmName(name));
  if (twin !== undefined) {
    throw new EditError(`“${name}” and “${twin}” would be one name in RTTM: choose another.`);
  }
}

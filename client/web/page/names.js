// Speakers' names: for people with blanks and any letters, for RTTM without white space.

export const MOST_CHARACTERS = 100; // as the gateway has it

/** A correction that cannot be made; the message is a sentence for people. */
export class EditError extends Error {}

/** Make a name of what somebody typed; EditError where it cannot be one. */
export function usableName(text) {
  const name = text.normalize("NFC").replace(/\s+/gu, " ").trim();
  if (!name) throw new EditError("A name needs at least one letter.");
  if (/\p{C}/u.test(name)) throw new EditError("A name may not hold control characters.");
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

// The chosen turn: who talks, its borders as numbers, and what can be done with it.

import { freeName, speakersOf } from "./turns.js";
import { parsedTime } from "./words.js";

const STEP_S = 0.1;
const FINE_STEP_S = 0.01;
const NEW = "\u0000new"; // no name can be this

export class TurnPanel {
  /** `playhead()` gives the time of the player in seconds. */
  constructor(editor, playhead, play) {
    this.editor = editor;
    this.playhead = playhead;
    this.title = element("h2", {});
    this.speaker = element("select", {});
    this.start = this.#border("Begin", (time_s, turn) => editor.move(time_s, turn.end_s));
    this.end = this.#border("End", (time_s, turn) => editor.move(turn.start_s, time_s));
    this.speaker.addEventListener("change", () => this.#reassign());
    const speaker = element("label", { class: "field" }, element("span", {}, "Who talks"), this.speaker);
    this.tools = element("div", { class: "row" }, act("Play", play), act("Split at playhead", () => editor.split(playhead()), "S"), act("Delete", () => editor.remove(), "Del"));
    this.fields = element("div", { class: "row fields" }, speaker, this.start.root, this.end.root, this.tools);
    this.hint = element("p", { class: "soft" }, "Choose a turn in the lanes or in the list to correct it.");
    this.add = act("Add a turn at the playhead", () => editor.add(playhead()), "N");
    this.message = element("p", { class: "refusal", role: "alert" });
    this.root = element("section", { class: "turn-panel", "aria-label": "Chosen turn" }, element("div", { class: "row spread" }, this.title, this.add), this.hint, this.fields, this.message);
    editor.addEventListener("refused", ({ detail }) => {
      if (detail.about === "turn") this.message.textContent = visible(detail.message);
    });
  }

  show() {
    const { turn, turns } = this.editor;
    this.message.textContent = "";
    this.fields.hidden = !turn;
    this.hint.hidden = Boolean(turn);
    this.title.textContent = turn ? `Turn ${turns.indexOf(turn) + 1} of ${turns.length}` : `${turns.length} turns`;
    if (!turn) return;
    this.speaker.replaceChildren(
      ...speakersOf(turns).map((name) => element("option", { value: name, selected: name === turn.speaker }, name)),
      element("option", { value: NEW }, "A new speaker"),
    );
    for (const [{ input }, time_s] of [[this.start, turn.start_s], [this.end, turn.end_s]]) {
      input.value = input.defaultValue = clock(time_s, 3);
    }
  }

  #reassign() {
    const wanted = this.speaker.value === NEW ? freeName(this.editor.turns) : this.speaker.value;
    this.editor.reassign(wanted);
  }

  /** A time to be typed, stepped by arrows, or set to the playhead. */
  #border(text, set) {
    const input = element("input", { type: "text", inputmode: "decimal", size: 10, autocomplete: "off", "aria-label": text, title: "Arrows up and down: 0.1 s, with Shift 0.01 s" });
    const apply = (time_s) => {
      const { turn } = this.editor;
      if (turn && !set(time_s, turn)) {
        const { textContent } = this.message;
        this.show();
        this.message.textContent = textContent;
      }
    };
    input.addEventListener("change", () => apply(parsedTime(input.value)));
    input.addEventListener("keydown", (event) => {
      const sign = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (event.key === "Escape") this.show();
      if (event.key === "Enter") apply(parsedTime(input.value));
      if (!sign) return;
      event.preventDefault();
      apply(Math.max(parsedTime(input.value) + sign * (event.shiftKey ? FINE_STEP_S : STEP_S), 0));
    });
    const here = button("here", `${text} at the playhead`, () => apply(this.playhead()));
    return { input, root: element("div", { class: "field" }, element("span", { "aria-hidden": "true" }, text), element("span", { class: "with-button" }, input, here)) };
  }
}

function act(text, what, key) {
  const made = element("button", { type: "button", "aria-keyshortcuts": key === "Del" ? "Delete" : key }, text);
  if (key) made.append(element("kbd", { "aria-hidden": "true" }, key));
  made.addEventListener("click", what);
  return made;
}

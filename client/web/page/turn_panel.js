// The selected turn: who talks, its borders as numbers and as handles in its lane, and what can be done with it.

import { button, element } from "../../viewer/dom.js";
import { clock, parseTime, visible } from "../../viewer/format.js";
import { freeName, speakersOf } from "./turns.js";

const STEP_S = 0.1;
const FINE_STEP_S = 0.01;
const NEW = "\u0000new"; // no name can be this

/** The form below the lanes. */
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
    this.title.textContent = turn ? `Turn ${turns.indexOf(turn) + 1} of ${turns.length}` : `${turns.length} ${turns.length === 1 ? "turn" : "turns"}`;
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

  /** A field for a time, which arrow keys step and a button sets to the playhead. */
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
    input.addEventListener("change", () => apply(parseTime(input.value)));
    input.addEventListener("keydown", (event) => {
      const sign = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (event.key === "Escape") this.show();
      if (event.key === "Enter") apply(parseTime(input.value));
      if (!sign) return;
      event.preventDefault();
      apply(Math.max(parseTime(input.value) + sign * (event.shiftKey ? FINE_STEP_S : STEP_S), 0));
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

/** The borders of the selected turn, to be dragged in its lane, or moved by arrow keys. */
export class TurnHandles {
  constructor(editor, timeline) {
    this.editor = editor;
    this.timeline = timeline;
    this.begin = this.#handle("start_s", "Begin of the turn");
    this.end = this.#handle("end_s", "End of the turn");
    this.ghost = element("div", { class: "ghost", hidden: true });
    this.root = element("div", { class: "handles" }, this.ghost, this.begin, this.end);
    timeline.content.append(this.root);
    this.onDrawn = () => this.place();
    timeline.addEventListener("drawn", this.onDrawn);
  }

  #handle(border, label) {
    const handle = element("div", { class: `handle ${border}`, role: "slider", tabindex: 0, "aria-label": label, "aria-valuemin": 0, "aria-valuemax": this.editor.audio_s });
    handle.addEventListener("pointerdown", (event) => this.#grab(event, handle, border));
    handle.addEventListener("keydown", (event) => this.#pressed(event, border));
    handle.addEventListener("click", (event) => event.stopPropagation()); // no seek
    return handle;
  }

  /** Put both at the borders of the selected turn; hide them if none is selected. */
  place() {
    const { turn } = this.editor;
    const track = turn && this.timeline.lanes.trackOf(turn.speaker);
    this.root.hidden = !track;
    if (!track) return;
    this.root.style.top = `${track.offsetTop}px`;
    this.root.style.height = `${track.offsetHeight}px`;
    this.#put(this.begin, turn.start_s);
    this.#put(this.end, turn.end_s);
  }

  #put(handle, time_s) {
    handle.style.left = `${this.timeline.scale.x(time_s)}px`;
    handle.setAttribute("aria-valuenow", time_s);
    handle.setAttribute("aria-valuetext", clock(time_s, 3));
  }

  #grab(event, handle, border) {
    if (event.button) return;
    event.preventDefault();
    handle.focus();
    handle.setPointerCapture(event.pointerId);
    const { turn } = this.editor;
    const shift = event.clientX - handle.getBoundingClientRect().left - handle.offsetWidth / 2;
    let times = turn;
    const move = ({ clientX }) => {
      const x = clientX - shift - this.timeline.content.getBoundingClientRect().left;
      times = { ...turn, [border]: Math.round(this.timeline.scale.time(x) * 1000) / 1000 };
      this.#put(handle, times[border]);
      this.#stretch(times);
    };
    const release = () => {
      for (const [name, each] of Object.entries(listening)) handle.removeEventListener(name, each);
      this.ghost.hidden = true;
      if (times === turn || !this.editor.move(times.start_s, times.end_s)) this.place();
    };
    const leave = (pressed) => {
      if (pressed.key !== "Escape") return;
      times = turn;
      release();
    };
    const listening = { pointermove: move, pointerup: release, pointercancel: release, keydown: leave };
    for (const [name, each] of Object.entries(listening)) handle.addEventListener(name, each);
  }

  /** Show where the turn would lie. */
  #stretch({ start_s, end_s }) {
    const { scale } = this.timeline;
    this.ghost.hidden = end_s <= start_s;
    this.ghost.style.left = `${scale.x(start_s)}px`;
    this.ghost.style.width = `${Math.max(scale.x(end_s - start_s), 0)}px`;
  }

  #pressed(event, border) {
    const sign = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!sign || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const { turn } = this.editor;
    const times = { ...turn, [border]: turn[border] + sign * (event.shiftKey ? FINE_STEP_S : STEP_S) };
    this.editor.move(times.start_s, times.end_s);
  }
}

// All turns as a list for keyboards and screen readers: arrows select, Enter plays.

import { element } from "./dom.js";
import { clock, percent, seconds } from "./format.js";
import { voiceClass, voices } from "./lanes.js";

const TURNS_A_GROUP = 50; // browsers lay out only the groups in sight
let n_lists = 0; // ids must differ if a page holds several lists

export class TurnList extends EventTarget {
  /** Events: `choose` {index, play}. */
  constructor() {
    super();
    this.prefix = `turn-list-${n_lists++}`;
    this.list = element("div", { class: "turn-list", role: "listbox", tabindex: 0, "aria-label": "Turns" });
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.#choose(Number(option.dataset.index), true);
    });
    this.list.addEventListener("keydown", (event) => this.#pressed(event));
  }

  show(turns) {
    this.turns = turns;
    this.selected = -1;
    const colours = voices(turns);
    this.list.removeAttribute("aria-activedescendant");
    this.options = turns.map((turn, index) => this.#option(turn, index, colours));
    const groups = [];
    for (let first = 0; first < turns.length; first += TURNS_A_GROUP) {
      const options = this.options.slice(first, first + TURNS_A_GROUP);
      groups.push(element("div", { class: "turns", role: "none" }, ...options));
    }
    this.list.replaceChildren(...groups);
  }

  #option(turn, index, colours) {
    const confidence = typeof turn.confidence === "number" ? percent(turn.confidence) : "";
    const cell = (name, content) => element("span", { class: name }, content);
    return element(
      "div",
      {
        role: "option",
        id: `${this.prefix}-${index}`,
        "aria-selected": "false",
        "data-index": index,
        class: `turn ${voiceClass(colours.get(turn.speaker))}`,
      },
      element("span", { class: "swatch", "aria-hidden": "true" }),
      cell("name", element("bdi", {}, turn.speaker)),
      cell("times", `${clock(turn.start_s, 2)} – ${clock(turn.end_s, 2)}`),
      cell("length", seconds(turn.end_s - turn.start_s)),
      cell("confidence", confidence && `${confidence} sure`),
    );
  }

  select(index) {
    this.options[this.selected]?.setAttribute("aria-selected", "false");
    this.selected = index;
    const option = this.options[index];
    if (!option) return;
    option.setAttribute("aria-selected", "true");
    this.list.setAttribute("aria-activedescendant", option.id);
    this.#scrollTo(option);
  }

  /** Not scrollIntoView: that would scroll the page too. */
  #scrollTo(option) {
    const [inside, outside] = [option, this.list].map((each) => each.getBoundingClientRect());
    if (inside.top < outside.top) this.list.scrollTop += inside.top - outside.top;
    if (inside.bottom > outside.bottom) this.list.scrollTop += inside.bottom - outside.bottom;
  }

  #pressed(event) {
    const last = this.turns.length - 1;
    const moves = {
      ArrowDown: Math.min(this.selected + 1, last),
      ArrowUp: Math.max(this.selected - 1, 0),
      Home: 0,
      End: last,
    };
    if (event.ctrlKey || event.altKey || event.metaKey || last < 0) return;
    if (event.key in moves) this.#choose(moves[event.key], false);
    else if (event.key === "Enter" && this.selected >= 0) this.#choose(this.selected, true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #choose(index, play) {
    this.dispatchEvent(new CustomEvent("choose", { detail: { index, play } }));
  }
}

"use strict";
// Keys for the whole page, except where somebody types.

const SEEK_STEP_S = 5;
const ZOOM_STEP = 1.5;
const KEY_HELP = [
  [["Space"], "play, pause"],
  [["←", "→"], "5 s back, on"],
  [["[", "]"], "turn before, next"],
  [["↑", "↓"], "choose in the list"],
  [["+", "−", "0"], "zoom in, out, all"],
];

/** Let keys act on `view`, a DiarizationView; returns a function that ends it. */
function listenToKeys(view) {
  const actions = {
    " ": () => view.toggle(),
    ArrowLeft: () => view.seek(view.time_s - SEEK_STEP_S),
    ArrowRight: () => view.seek(view.time_s + SEEK_STEP_S),
    "[": () => view.playTurn(view.neighbour(-1)),
    "]": () => view.playTurn(view.neighbour(1)),
    ArrowUp: () => view.selectTurn(view.neighbour(-1)),
    ArrowDown: () => view.selectTurn(view.neighbour(1)),
    "+": () => view.zoomBy(ZOOM_STEP),
    "=": () => view.zoomBy(ZOOM_STEP), // plus without shift
    "-": () => view.zoomBy(1 / ZOOM_STEP),
    0: () => view.zoomBy(0),
  };
  const pressed = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (!Object.hasOwn(actions, event.key) || isElsewhere(event)) return;
    event.preventDefault();
    actions[event.key]();
  };
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}

/** Whether the key is for the element that has the focus. */
function isElsewhere({ key, target }) {
  if (!(target instanceof Element)) return false;
  if (target.closest("textarea, [contenteditable], input:not([type=range]), dialog")) return true;
  if (target.closest("select")) return true;
  if (key === " ") return target.closest("button, a, summary, input[type=range]") !== null;
  // Up and down scroll the page, but in the timeline, where nothing else is to be moved.
  return key.startsWith("ArrowU") || key.startsWith("ArrowD") ? !target.closest(".scroller") : false;
}

function keyHelp() {
  const entries = KEY_HELP.map(([keys, text]) => {
    const caps = keys.map((key) => element("kbd", {}, key));
    return element("span", { class: "key" }, ...caps, ` ${text}`);
  });
  return element("p", { class: "keys", role: "note", "aria-label": "Keys" }, ...entries);
}

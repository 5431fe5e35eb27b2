// Who spoke when, to see and to hear: the class that a report and the web page use, and its keys.

import { button, element } from "./dom.js";
import { duration } from "./format.js";
import { lanesOf } from "./lanes.js";
import { Player } from "./player.js";
import { statisticsTable } from "./statistics.js";
import { Timeline } from "./timeline.js";
import { TurnList } from "./turn_list.js";

const SEEK_STEP_S = 5;
const ZOOM_STEP = 1.5;
const KEY_HELP = [
  [["Space"], "play, pause"],
  [["←", "→"], "5 s back, on"],
  [["[", "]"], "turn before, next"],
  [["↑", "↓"], "choose in the list"],
  [["+", "−", "0"], "zoom in, out, all"],
];

/**
 * Events, all with the view as target:
 *   turnselected {index, turn}   a turn was selected, or none: index -1 and no turn
 *   timechanged {time_s}         the player moved; many times a second while it plays
 *   turnschanged {turns}         setTurns was called
 */
export class DiarizationView extends EventTarget {
  /**
   * The view replaces what `root` holds, and is its property `diarizationView`; `view` is a document of
   * the schema "diarization-view/1", see document.py. `setAudio` gives it the sound.
   */
  constructor(root, view) {
    super();
    this.root = root;
    root.diarizationView = this;
    this.view = view;
    this.selected = -1;
    this.player = new Player(view.audio_s);
    this.timeline = new Timeline(view);
    this.turnList = new TurnList();
    this.#build();
    this.#connect();
    this.setTurns(view.turns);
    this.endKeys = listenToKeys(this);
  }

  #build() {
    const { player, timeline, turnList } = this;
    this.follow = element("input", { type: "checkbox", checked: true });
    const zoom = (iconName, label, factor) => button(iconName, label, () => this.zoomBy(factor));
    this.summary = element("p", { class: "summary" });
    this.statistics = element("section", { class: "statistics card", "aria-label": "Talk time" });
    const tools = [
      button("before", "Turn before", () => this.playTurn(this.neighbour(-1))),
      player.toggleButton,
      button("next", "Next turn", () => this.playTurn(this.neighbour(1))),
      player.elapsed,
      player.slider,
      player.speed,
      element("span", { class: "zoom" }, zoom("minus", "Zoom out", 1 / ZOOM_STEP), zoom("plus", "Zoom in", ZOOM_STEP), zoom("all", "Show all", 0)),
      element("label", { class: "follow" }, this.follow, " follow"),
    ];
    this.root.classList.add("diarization-view");
    this.root.replaceChildren(
      element(
        "section",
        { class: "card listen", "aria-label": "Recording" },
        element("div", { class: "transport" }, ...tools),
        player.audio,
        player.message,
        ...(this.view.doubt ? [element("p", { class: "doubt", role: "note", "aria-label": "Number of speakers" }, this.view.doubt)] : []),
        timeline.root,
        this.summary,
        keyHelp(),
      ),
      element("div", { class: "below" }, this.statistics, element("section", { class: "card", "aria-label": "Turns" }, element("h2", {}, "Turns"), turnList.list)),
    );
  }

  #connect() {
    const { player, timeline, turnList } = this;
    player.addEventListener("time", ({ detail: { time_s } }) => {
      timeline.moveTo(time_s, player.isPlaying && this.follow.checked);
      this.#emit("timechanged", { time_s });
    });
    timeline.addEventListener("seek", ({ detail }) => player.seek(detail.time_s));
    timeline.addEventListener("turn", ({ detail }) => this.playTurn(detail.index));
    turnList.addEventListener("choose", ({ detail: { index, play } }) => {
      if (play) this.playTurn(index);
      else this.selectTurn(index);
    });
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /**
   * Show other turns, [{start_s, end_s, speaker, confidence, ...}], sorted by start time, and select the
   * one at `selected` of the given list. Zoom and position stay, and so do the document's errors.
   */
  setTurns(turns, selected = -1) {
    const chosen = turns[selected];
    const ordered = [...turns].sort((a, b) => a.start_s - b.start_s || a.end_s - b.end_s);
    this.turns = ordered.map((turn) => ({ ...turn }));
    this.selected = -1;
    this.timeline.lanes.selected = -1;
    this.timeline.show(lanesOf(this.view, this.turns), this.turns);
    this.turnList.show(this.turns);
    const content = this.turns.length
      ? statisticsTable(this.turns)
      : element("p", { class: "no-speech" }, "No speech found.");
    this.statistics.replaceChildren(element("h2", {}, "Talk time"), content);
    this.summary.replaceChildren(...scoreTexts(this.view.score));
    this.#emit("turnschanged", { turns: this.turns });
    this.selectTurn(ordered.indexOf(chosen));
  }

  /** Load the sound from a URL, of a blob or of a server that answers range requests. */
  setAudio(url) {
    this.player.load(url);
  }

  get time_s() {
    return this.player.time_s;
  }

  seek(time_s) {
    this.player.seek(time_s);
    this.timeline.reveal(this.time_s);
  }

  toggle() {
    this.player.toggle();
  }

  /** Select a turn by its index in `turns`, -1 for none; the player goes to its start if `seeks`. */
  selectTurn(index, seeks = true) {
    const turn = this.turns[index];
    this.selected = turn ? index : -1;
    this.timeline.select(this.selected);
    this.turnList.select(this.selected);
    if (turn && seeks && !(this.time_s >= turn.start_s && this.time_s < turn.end_s && this.player.isPlaying)) this.seek(turn.start_s);
    this.#emit("turnselected", { index: this.selected, turn });
  }

  /** Select a turn and play it to its end. */
  playTurn(index) {
    if (!this.turns[index]) return;
    this.player.pause();
    this.selectTurn(index);
    this.player.play(this.turns[index].start_s, this.turns[index].end_s);
  }

  /** The turn before (-1) or after (1) the selected one, or the player's position if none is selected. */
  neighbour(step) {
    if (this.selected >= 0) {
      return Math.min(Math.max(this.selected + step, 0), this.turns.length - 1);
    }
    const after = this.turns.findIndex((turn) => turn.start_s >= this.time_s);
    const next = after < 0 ? this.turns.length : after;
    return Math.min(Math.max(step > 0 ? next : next - 1, 0), this.turns.length - 1);
  }

  /** Zoom by a factor; 0 shows all. */
  zoomBy(factor) {
    this.timeline.zoomBy(factor);
  }

  /** Stop, and empty the root. */
  destroy() {
    this.endKeys();
    this.player.destroy();
    this.timeline.destroy();
    this.root.replaceChildren();
  }
}

function scoreTexts(score) {
  if (!score) return [];
  const { reference_s, missed_s, false_alarm_s, confusion_s } = score;
  const parts = `missed ${duration(missed_s)}, false alarm ${duration(false_alarm_s)}, confusion ${duration(confusion_s)}`;
  const of = `of ${duration(reference_s)} of speech, over the whole recording, no collar`;
  if (!reference_s) return [`Errors: ${parts} ${of}.`];
  const rate = (100 * (missed_s + false_alarm_s + confusion_s)) / reference_s;
  return [element("strong", {}, `DER ${rate.toFixed(1)} %`), `: ${parts} ${of}.`];
}

/** Let keys act on a DiarizationView; returns a function that stops it. */
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

/** Whether a key belongs to the element that has the focus. */
export function isElsewhere({ key, target }) {
  if (!(target instanceof Element)) return false;
  if (target.closest("textarea, [contenteditable], input:not([type=range]), dialog")) return true;
  if (target.closest("select")) return true;
  if (key === " ") return target.closest("button, a, summary, input[type=range]") !== null;
  // Up and down scroll the page, except in the timeline, which has nothing to scroll that way.
  return key.startsWith("ArrowU") || key.startsWith("ArrowD") ? !target.closest(".scroller") : false;
}

function keyHelp() {
  const entries = KEY_HELP.map(([keys, text]) => {
    const caps = keys.map((key) => element("kbd", {}, key));
    return element("span", { class: "key" }, ...caps, ` ${text}`);
  });
  return element("p", { class: "keys", role: "note", "aria-label": "Keys" }, ...entries);
}

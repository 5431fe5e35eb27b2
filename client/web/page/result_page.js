// The result: the viewer, and everything that corrects it.

import { button, element } from "../../viewer/dom.js";
import { visible } from "../../viewer/format.js";
import { DiarizationView, isElsewhere } from "../../viewer/viewer.js";
import { loadView, removeJob, reportOf, resultOf, saveTurns, soundOf } from "./api.js";
import { Editor } from "./editor.js";
import { announce, backLink } from "./frame.js";
import { forget } from "./recordings.js";
import { Saver, keepDraft, restoreDraft, sameTurns } from "./saving.js";
import { SpeakersPanel } from "./speakers_panel.js";
import { TurnHandles, TurnPanel } from "./turn_panel.js";
import { keyed, unkeyed } from "./turns.js";

const FORMATS = [
  ["rttm", "RTTM", "for scoring and other tools; names without blanks"],
  ["json", "JSON", "for programs"],
  ["srt", "SRT", "subtitles"],
  ["vtt", "WebVTT", "subtitles in web pages"],
  ["textgrid", "TextGrid", "Praat"],
  ["audacity", "Audacity", "label track"],
  ["csv", "CSV", "table for spreadsheets"],
  ["uem", "UEM", "the part that was diarized"],
];

export class ResultPage {
  /** `job` is its document, `shown` the viewer's. */
  constructor(root, job, shown) {
    this.id = job.id;
    const { history, isUnsaved } = restoreDraft(job.id, shown.turns);
    this.editor = new Editor(history, shown.audio_s);
    this.saver = new Saver((turns, keepalive) => saveTurns(job.id, turns, keepalive));
    this.#build(root, shown);
    this.#connect();
    this.#show();
    if (isUnsaved) this.saver.save(unkeyed(this.editor.turns));
    this.view.setAudio(soundOf(job.id));
  }

  #build(root, shown) {
    const place = element("div", {});
    this.undo = button("undo", "Undo", () => this.editor.undo());
    this.redo = button("redo", "Redo", () => this.editor.redo());
    this.saved = element("span", { class: "saved", role: "status" }, "All changes saved");
    const remove = element("button", { type: "button" }, "Remove");
    remove.addEventListener("click", () => this.#remove());
    const tools = element(
      "div",
      { class: "row toolbar", role: "group", "aria-label": "Corrections" },
      backLink("back"),
      this.undo, this.redo, this.saved,
      element("span", { class: "spring" }),
      remove,
      downloadMenu(this.id, () => this.saver.flush()),
    );
    this.speakers = new SpeakersPanel(this.editor);
    root.replaceChildren(tools, this.speakers.root, place);
    this.view = new DiarizationView(place, { ...shown, turns: this.editor.turns });
    this.panel = new TurnPanel(this.editor, () => this.view.time_s, () => this.view.playTurn(this.view.selected));
    this.view.timeline.root.after(this.panel.root);
    this.handles = new TurnHandles(this.editor, this.view.timeline);
  }

  #connect() {
    const { editor, saver, view } = this;
    this.endKeys = listenToEditKeys(editor, () => view.time_s);
    editor.addEventListener("changed", ({ detail }) => this.#changed(detail));
    editor.addEventListener("chosen", () => this.#choice());
    view.addEventListener("turnselected", ({ detail }) => {
      if (!this.isShowing) editor.choose(detail.turn?.key ?? null);
    });
    saver.addEventListener("state", ({ detail }) => {
      this.saved.textContent = detail.message;
      this.saved.dataset.state = detail.state;
      keepDraft(this.id, editor.history, saver.isSaved);
    });
    this.onSight = () => (document.visibilityState === "hidden" ? saver.leave() : this.#lookAgain());
    document.addEventListener("visibilitychange", this.onSight);
  }

  #changed({ label, isSaved }) {
    announce(label);
    if (!isSaved) this.saver.save(unkeyed(this.editor.turns));
    this.#show();
  }

  /** On return to this window, take over what was corrected in another one meanwhile. */
  async #lookAgain() {
    const { editor, saver } = this;
    const before = editor.turns;
    const shown = saver.isSaved ? await loadView(this.id).catch(() => null) : null;
    if (!shown || !saver.isSaved || editor.turns !== before || sameTurns(shown.turns, before)) return;
    editor.adopt(keyed(shown.turns));
    keepDraft(this.id, editor.history, true);
  }

  /** Show the current turns; the selected one stays selected, and the playhead where it is. */
  #show() {
    const { editor, view } = this;
    if (!editor.turn) editor.chosen = null;
    this.isShowing = true;
    view.setTurns(editor.turns);
    this.isShowing = false;
    this.#choice();
    this.speakers.show();
    for (const [each, label, name] of [[this.undo, editor.history.canUndo, "Undo"], [this.redo, editor.history.canRedo, "Redo"]]) {
      each.disabled = label === null;
      each.title = label === null ? name : visible(`${name}: ${label}`);
    }
  }

  #choice() {
    const { editor, view } = this;
    const index = view.turns.findIndex(({ key }) => key === editor.chosen);
    if (index !== view.selected) view.selectTurn(index, false);
    this.panel.show();
    this.handles.place();
  }

  async #remove() {
    const words = "Remove this recording and its result from the service? This cannot be undone.";
    if (!globalThis.confirm(words)) return;
    this.saver.turns = null;
    await removeJob(this.id).catch(() => {}); // it is gone already, or will expire
    forget(this.id);
    location.hash = "";
  }

  get isPrecious() {
    return !this.saver.isSaved;
  }

  destroy() {
    this.saver.destroy();
    this.endKeys();
    document.removeEventListener("visibilitychange", this.onSight);
    this.view.destroy();
  }
}

/** A menu of links; `ready()` resolves to true when all corrections are saved. */
function downloadMenu(id, ready) {
  const link = (href, name, note) => {
    const made = element("a", { href, download: "" }, name, element("small", {}, note));
    made.addEventListener("click", (event) => {
      if (made.dataset.ready) return;
      event.preventDefault();
      ready().then((isReady) => isReady && go(made));
    });
    return element("li", {}, made);
  };
  const links = FORMATS.map(([token, name, note]) => link(resultOf(id, token), name, note));
  links.push(link(reportOf(id), "Report", "one page with the sound, for any browser"));
  const menu = element("details", { class: "menu" }, element("summary", { class: "button" }, "Download"), element("ul", {}, ...links));
  menu.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  menu.addEventListener("focusout", ({ relatedTarget }) => {
    if (!menu.contains(relatedTarget)) menu.open = false;
  });
  return menu;
}

function go(link) {
  link.dataset.ready = "true";
  link.click();
  delete link.dataset.ready;
  link.closest("details").open = false;
}

/** Let keys correct turns; returns a function that stops it. */
function listenToEditKeys(editor, playhead) {
  const actions = {
    s: () => editor.split(playhead()),
    n: () => editor.add(playhead()),
    Delete: () => editor.turn && editor.remove(),
  };
  const pressed = (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const isCommand = event.ctrlKey || event.metaKey;
    if (event.defaultPrevented || event.altKey) return;
    if (isCommand ? isTyping(event.target) : isElsewhere(event)) return;
    if (isCommand ? undoOrRedo(editor, key, event.shiftKey) : act(actions, key)) event.preventDefault();
  };
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}

/** Whether a field has unfinished text, which the browser's own undo is for. */
function isTyping(target) {
  return target instanceof HTMLInputElement && target.value !== target.defaultValue;
}

function undoOrRedo(editor, key, isShifted) {
  if (key === "y" || (key === "z" && isShifted)) editor.redo();
  else if (key === "z") editor.undo();
  else return false;
  return true;
}

function act(actions, key) {
  if (!Object.hasOwn(actions, key)) return false;
  actions[key]();
  return true;
}

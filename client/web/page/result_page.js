// The result: the viewer, and all that corrects it.

import { removeJob, saveTurns, soundOf, view } from "./api.js";
import { downloadMenu } from "./downloads.js";
import { keepDraft, restored, sameTurns } from "./draft.js";
import { listenToEditKeys } from "./edit_keys.js";
import { Editor } from "./editor.js";
import { Handles } from "./handles.js";
import { say } from "./live.js";
import { forget } from "./recordings.js";
import { Saver } from "./saving.js";
import { SpeakersPanel } from "./speakers_panel.js";
import { TurnPanel } from "./turn_panel.js";
import { keyed, unkeyed } from "./turns.js";

export class ResultPage {
  /** `job` is its document, `shown` the viewer's. */
  constructor(root, job, shown) {
    this.id = job.id;
    const { history, isUnsaved } = restored(job.id, shown.turns);
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
      element("a", { href: "#", class: "back" }, "← All recordings"),
      this.undo, this.redo, this.saved,
      element("span", { class: "spring" }),
      remove,
      downloadMenu(this.id, () => this.saver.flush()),
    );
    this.speakers = new SpeakersPanel(this.editor);
    root.replaceChildren(tools, this.speakers.root, place);
    this.view = new DiarizationView(place, { ...shown, turns: this.editor.turns });
    globalThis.diarizationView = this.view; // for whoever wants to drive it from the console
    this.panel = new TurnPanel(this.editor, () => this.view.time_s, () => this.view.playTurn(this.view.selected));
    this.view.timeline.root.after(this.panel.root);
    this.handles = new Handles(this.editor, this.view.timeline);
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
    say(label);
    if (!isSaved) this.saver.save(unkeyed(this.editor.turns));
    this.#show();
  }

  /** Whoever comes back to this window sees what was corrected in another one meanwhile. */
  async #lookAgain() {
    const { editor, saver } = this;
    const before = editor.turns;
    const shown = saver.isSaved ? await view(this.id).catch(() => null) : null;
    if (!shown || !saver.isSaved || editor.turns !== before || sameTurns(shown.turns, before)) return;
    editor.adopt(keyed(shown.turns));
    keepDraft(this.id, editor.history, true);
  }

  /** Show the turns as they are now; the chosen one stays chosen, and the playhead where it is. */
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
    await removeJob(this.id).catch(() => {}); // gone already, or it expires
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

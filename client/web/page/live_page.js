// A live recording: what is heard, who is speaking, and everyone's turns so far; then its result.

import { element } from "../../viewer/dom.js";
import { clock } from "../../viewer/format.js";
import { lanesOf, voiceClass, voices } from "../../viewer/lanes.js";
import { Timeline } from "../../viewer/timeline.js";
import { Problem, loadJob, loadView, removeJob } from "./api.js";
import { History } from "./editor.js";
import { recordingName } from "./file_choice.js";
import { announce, backLink, showBanner } from "./frame.js";
import { LiveStream } from "./live_stream.js";
import { LiveTurns } from "./live_turns.js";
import { remember } from "./recordings.js";
import { keepDraft } from "./saving.js";
import { PcmInput, canShare, openMicrophone, openShared } from "./sound_input.js";
import { OptionsForm, choices, fieldset } from "./start_page.js";
import { EditError, keyed, renamed } from "./turns.js";
import { keyForm } from "./uploads.js";

const SPAN_S = { narrow: 60, wide: 120 }; // in sight
const NARROW_PX = 560;
const LEVEL_MS = 100;
const AGAIN_MS = 2000;
const ASK_FROM_S = 10; // what is shorter is discarded at once
const UNAUTHORIZED = 401;
const GONE = 404;
const LOST = "The connection was lost for too long: the service no longer has this recording.";

/** First the choice of the sound, then the recording. */
export class LivePage {
  constructor(root) {
    this.root = root;
    this.source = choices("source", [["microphone", "Microphone"], ["shared", "A tab or screen", "With its sound, such as that of a call."]]);
    this.options = new OptionsForm(true);
    if (canShare()) this.options.root.prepend(fieldset("Sound", ...this.source.labels));
    this.#choose();
  }

  /** Let the user start; `problem` says why nothing is recorded any more. */
  #choose(problem = null) {
    this.recording = null;
    this.message = element("p", { class: "refusal", role: "alert" }, problem?.message ?? "");
    this.button = element("button", { type: "button", class: "primary wide" }, "Start");
    this.button.addEventListener("click", () => this.#start());
    const key = problem?.status === UNAUTHORIZED ? [keyForm(() => this.#start())] : [];
    this.root.className = "start";
    this.root.replaceChildren(
      element("p", { class: "row" }, backLink()),
      element("section", { class: "card", "aria-label": "Live" }, this.options.root, element("div", { class: "row spread" }, this.message, ...key, this.button)),
    );
  }

  async #start() {
    this.message.textContent = this.options.wrong;
    if (this.options.wrong) return;
    this.button.disabled = true; // while the browser asks for permission
    try {
      const stream = await (this.source.value === "shared" ? openShared() : openMicrophone());
      const input = new PcmInput(stream);
      if (this.ended) await input.stop();
      else this.#record(input);
    } catch (error) {
      this.message.textContent = error.message;
    } finally {
      this.button.disabled = false;
    }
  }

  #record(input) {
    this.root.className = "";
    this.recording = new LiveRecording(this.root, input, this.options.speakerCounts);
    this.recording.addEventListener("failed", ({ detail }) => this.#choose(detail.problem));
    announce("Live. Recording.");
  }

  get isPrecious() {
    return this.recording !== null && !this.recording.isOver;
  }

  /** Ask whether a recording may be discarded, and discard it. */
  mayLeave() {
    return !this.isPrecious || this.recording.discard();
  }

  destroy() {
    this.ended = true;
    this.recording?.close();
  }
}

/** Events: `failed` {problem}, when there is no recording any more. */
class LiveRecording extends EventTarget {
  constructor(root, input, speakerCounts) {
    super();
    this.input = input;
    this.turns = new LiveTurns();
    this.isOver = false;
    this.name = recordingName("live");
    this.stream = new LiveStream({ recording_id: this.name.replaceAll(" ", "_"), rate_hz: input.rate_hz, keep: true, ...speakerCounts });
    this.#build(root);
    this.#connect();
    this.#watchLevel();
    this.#show();
    this.input.start().catch((error) => this.#fail(error));
  }

  #build(root) {
    this.elapsed = element("span", { class: "elapsed", role: "timer", "aria-label": "Recorded" });
    this.level = element("meter", { min: 0, max: 1, "aria-label": "Level of the sound" });
    this.now = element("span", { class: "now" });
    this.stopping = element("button", { type: "button", class: "primary" }, "Stop");
    this.stopping.addEventListener("click", () => this.stop());
    this.discarding = element("button", { type: "button" }, "Discard");
    this.discarding.addEventListener("click", () => this.discard() && this.#leave());
    const tools = element(
      "div",
      { class: "row toolbar", role: "group", "aria-label": "Recording" },
      this.elapsed, this.level, this.now,
      this.discarding, this.stopping,
    );
    this.names = new NameFields(this.turns, () => this.#show());
    this.span_s = innerWidth > NARROW_PX ? SPAN_S.wide : SPAN_S.narrow;
    this.timeline = new Timeline({ audio_s: this.span_s });
    this.timeline.scale.fit_s = this.span_s;
    this.timeline.lanes.labels.addEventListener("click", ({ target }) => this.names.focus(target.closest(".label")?.querySelector(".name").textContent));
    root.replaceChildren(tools, this.names.root, element("section", { class: "card live", "aria-label": "Turns" }, this.timeline.root));
  }

  #connect() {
    const { input, stream, turns } = this;
    input.addEventListener("samples", ({ detail }) => stream.add(detail.samples));
    input.addEventListener("ended", () => this.stop());
    stream.addEventListener("state", ({ detail }) => this.#became(detail));
    stream.addEventListener("event", ({ detail }) => {
      turns.take(detail.event);
      this.drawing ??= requestAnimationFrame(() => this.#show());
    });
  }

  #became({ state, problem }) {
    const notices = {
      back: "",
      away: `${problem?.message} Trying again; the sound is kept until then.`,
      full: `The recording ends here: ${problem?.message}`,
    };
    if (state in notices) showBanner(notices[state]);
    if (state === "full") this.stop();
    if (state === "done") this.#finish();
    if (state === "failed") this.#fail(problem);
  }

  #watchLevel() {
    this.elapsed.textContent = clock(this.stream.n_samples / this.input.rate_hz, 0);
    this.level.value = this.isStopping ? 0 : this.input.level.value;
    this.watching = setTimeout(() => this.#watchLevel(), LEVEL_MS);
  }

  #show() {
    this.drawing = null;
    const { turns, timeline } = this;
    const { named, heard_s } = turns;
    timeline.grow(Math.max(heard_s, this.span_s), lanesOf({}, named), named);
    timeline.moveTo(heard_s, false);
    this.names.show(voices(named));
    if (this.isStopping) return;
    const now = turns.speaking.flatMap((speaker, number) => [number ? ", " : "", element("bdi", {}, turns.nameOf(speaker))]);
    this.now.replaceChildren(...(now.length ? ["Speaking: ", ...now] : [heard_s ? "No one is speaking." : "Listening…"]));
  }

  /** End the recording; the result follows. */
  async stop() {
    if (this.isStopping || this.isOver) return;
    this.isStopping = true;
    this.stopping.disabled = true;
    this.now.textContent = "Finding who spoke when…";
    announce("The recording has ended.");
    await this.input.stop();
    if (this.stream.n_samples) this.stream.end();
    else this.#leave();
  }

  /** Show the result, with the names given so far as corrections. */
  async #finish() {
    const id = this.stream.session;
    remember(id, this.name);
    const shown = await this.#view(id);
    if (this.isOver) return;
    if (shown) this.#nameSpeakers(id, shown.turns);
    this.close();
    location.replace(`#${id}`);
  }

  /** The result as the viewer takes it; null if the service refuses it. */
  async #view(id) {
    while (!this.isOver) {
      try {
        return await loadView(id);
      } catch (problem) {
        if (!problem.mayPass) return null;
        showBanner(`${problem.message} Trying again.`);
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
    return null;
  }

  #nameSpeakers(id, found) {
    const history = new History(keyed(found));
    for (const [speaker, name] of this.turns.namesFor(history.turns)) {
      try {
        history.record(`rename ${speaker}`, renamed(history.turns, speaker, name));
      } catch (error) {
        if (!(error instanceof EditError)) throw error; // another speaker of the result has that name
      }
    }
    if (history.canUndo) keepDraft(id, history, false); // the result's page saves it
  }

  /** Without a session any more, its result may still be there: the answer was lost. */
  async #fail(problem) {
    const id = this.stream.session;
    const hasJob = id && problem.status === GONE && (await loadJob(id).then(() => true, () => false));
    if (this.isOver) return;
    if (hasJob) {
      this.#finish();
      return;
    }
    this.close();
    const detail = { problem: problem.status === GONE ? new Problem(GONE, LOST) : problem };
    announce(detail.problem.message);
    this.dispatchEvent(new CustomEvent("failed", { detail }));
  }

  /** Discard the recording, after a question if it is not short; returns whether it was. */
  discard() {
    const isShort = this.stream.n_samples < ASK_FROM_S * this.input.rate_hz;
    if (!isShort && !globalThis.confirm("Discard this recording? This cannot be undone.")) return false;
    const { session } = this.stream;
    this.close();
    if (session) removeJob(session).catch(() => {}); // it expires
    announce("Discarded.");
    return true;
  }

  #leave() {
    this.close();
    location.hash = "";
  }

  close() {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.watching);
    cancelAnimationFrame(this.drawing);
    this.stream.close();
    this.input.stop();
    this.timeline.destroy();
    showBanner("");
  }
}

/** A field for the name of every speaker, which marks who is speaking. */
class NameFields {
  /** `onChange()` is called after a speaker got a name. */
  constructor(turns, onChange) {
    this.turns = turns;
    this.onChange = onChange;
    this.fields = new Map(); // {root, input} by speaker
    this.list = element("ul", { class: "speakers" });
    this.message = element("p", { class: "refusal", role: "alert" });
    this.root = element("section", { class: "card names", "aria-label": "Speakers" }, element("h2", {}, "Speakers"), this.list, this.message);
  }

  /** Show the speakers; fields that exist stay, as the user may be typing in one. */
  show(colours) {
    const { speakers, speaking } = this.turns;
    for (const [speaker, { root }] of this.fields) {
      if (!speakers.includes(speaker)) {
        root.remove();
        this.fields.delete(speaker);
      }
    }
    for (const speaker of speakers) {
      const { root, input } = this.fields.get(speaker) ?? this.#add(speaker);
      const name = this.turns.nameOf(speaker);
      if (document.activeElement !== input) this.#fill(input, name);
      root.className = `chip ${voiceClass(colours.get(name))}`;
      root.classList.toggle("speaking", speaking.includes(speaker));
    }
    this.root.hidden = speakers.length === 0;
  }

  #add(speaker) {
    const input = element("input", { type: "text", dir: "auto", maxlength: 100, spellcheck: "false", autocomplete: "off", "aria-label": `Name of ${speaker}` });
    input.addEventListener("input", () => (input.size = Math.max(input.value.length, 6)));
    input.addEventListener("change", () => this.#rename(speaker, input));
    input.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.#fill(input, this.turns.nameOf(speaker));
      if (key === "Enter" || key === "Escape") input.blur(); // which applies what was typed
    });
    const root = element("li", {}, element("span", { class: "swatch", "aria-hidden": "true" }), input);
    this.list.append(root);
    this.fields.set(speaker, { root, input });
    return { root, input };
  }

  #fill(input, name) {
    input.value = name;
    input.size = Math.max(name.length, 6);
  }

  #rename(speaker, input) {
    this.message.textContent = "";
    try {
      if (input.value !== this.turns.nameOf(speaker)) this.turns.rename(speaker, input.value);
    } catch (error) {
      if (!(error instanceof EditError)) throw error;
      this.message.textContent = error.message;
    }
    this.#fill(input, this.turns.nameOf(speaker));
    this.onChange();
  }

  /** Let the user name the speaker of a lane. */
  focus(label) {
    const found = [...this.fields].find(([speaker]) => this.turns.nameOf(speaker) === label);
    found?.[1].input.select();
  }
}

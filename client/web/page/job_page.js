// A recording on its way: its upload, its progress, then its result or why there is none.

import { element } from "../../viewer/dom.js";
import { clock } from "../../viewer/format.js";
import { UNREACHABLE, checkHealth, loadJob, loadView, removeJob } from "./api.js";
import { announce, backLink, showBanner } from "./frame.js";
import { estimatedShare, progressText } from "./progress.js";
import { forget, nameOf, remember } from "./recordings.js";
import { ResultPage } from "./result_page.js";
import { uploadActions, uploadText } from "./uploads.js";

const POLL_MS = 1000;
const AGAIN_MS = 2000;
const GONE = 404;
const HEALTH_EVERY = 5; // polls
const SAID_EVERY = 0.25; // of the upload, to screen readers
const STEPS = ["Upload", "Queue", "Who spoke when"];

/** How far a recording is: three steps, a bar, a sentence, and a button to cancel. */
class Steps {
  constructor(name, onCancel) {
    this.list = element("ol", { class: "steps" }, ...STEPS.map((text) => element("li", {}, text)));
    this.bar = element("progress", { max: 1, "aria-label": `Progress of ${name}` });
    this.text = element("p", { class: "progress-text" });
    this.cancel = element("button", { type: "button" }, "Cancel");
    this.cancel.addEventListener("click", onCancel);
    const below = element("div", { class: "progress-row" }, this.text, this.cancel);
    this.root = element("section", { class: "card progress", "aria-label": "Progress" }, this.list, this.bar, below);
  }

  /** `step` counts from 0; `share` is 0 to 1, or null if unknown; `estimated` marks it as an estimate. */
  show(step, share, text, estimated) {
    [...this.list.children].forEach((each, number) => {
      each.classList.toggle("past", number < step);
      if (number === step) each.setAttribute("aria-current", "step");
      else each.removeAttribute("aria-current");
    });
    if (share === null) this.bar.removeAttribute("value");
    else this.bar.value = share;
    this.bar.classList.toggle("estimated", estimated);
    this.text.textContent = text;
  }
}

/** The page of an upload; once it has arrived, the job's page takes over. */
export class UploadPage {
  constructor(root, uploads) {
    this.uploads = uploads;
    this.upload = uploads.watched;
    this.steps = new Steps(this.upload.file.name, () => this.#cancel());
    this.more = element("div", { class: "row" });
    this.steps.root.append(this.more);
    this.said = 0;
    this.onChange = () => this.#show();
    this.onArrived = ({ detail }) => {
      if (detail.upload === this.upload) location.replace(`#${detail.job.id}`);
    };
    uploads.addEventListener("change", this.onChange);
    uploads.addEventListener("arrived", this.onArrived);
    root.replaceChildren(backRow(), this.steps.root);
    this.#show();
  }

  #show() {
    const { file, sent, state, problem } = this.upload;
    const share = file.size ? sent / file.size : 0;
    this.steps.show(0, share, uploadText(this.upload), false);
    this.steps.cancel.hidden = state === "failed";
    if (state !== this.state) {
      this.more.replaceChildren(...(["failed", "locked"].includes(state) ? uploadActions(this.upload, this.uploads) : []));
      if (problem) announce(problem.message);
    }
    this.state = state;
    if (share >= this.said + SAID_EVERY) {
      this.said = Math.floor(share / SAID_EVERY) * SAID_EVERY;
      announce(uploadText(this.upload));
    }
    if (!this.uploads.all.includes(this.upload)) location.hash = ""; // dismissed
  }

  #cancel() {
    this.uploads.cancel(this.upload);
    location.hash = "";
  }

  get name() {
    return this.upload.file.name;
  }

  destroy() {
    this.uploads.removeEventListener("change", this.onChange);
    this.uploads.removeEventListener("arrived", this.onArrived);
  }
}

/** The page of a job: progress, then the result or why there is none. */
export class JobPage {
  /** `onFacts` gets {name, facts} as they become known. */
  constructor(root, id, onFacts) {
    this.root = root;
    this.id = id;
    this.onFacts = onFacts;
    this.polls = 0;
    this.outage = "";
    onFacts({ name: nameOf(id) ?? "Recording", facts: "" });
    root.replaceChildren(backRow());
    this.#poll();
  }

  async #poll() {
    try {
      const seen = await loadJob(this.id);
      if (this.ended) return;
      if (nameOf(this.id) === null) remember(this.id, seen.recording_id); // opened by its address
      this.onFacts({ name: nameOf(this.id) ?? seen.recording_id, facts: "" });
      showBanner(this.outage);
      if (await this.#show(seen)) return;
      this.timer = setTimeout(() => this.#poll(), POLL_MS);
    } catch (problem) {
      if (this.ended) return;
      if (problem.status === GONE) this.#gone();
      else if (problem.status === undefined) throw problem;
      else if (problem.mayPass) this.#retry(problem);
      else this.#noResult(problem.message);
    }
  }

  /** Show its state; returns whether there is nothing more to wait for. */
  async #show(seen) {
    if (seen.state === "done") {
      const shown = await loadView(this.id);
      if (!this.ended) this.#result(seen, shown);
      return true;
    }
    if (seen.state === "failed" || seen.state === "cancelled") {
      this.#noResult(seen.state === "failed" ? seen.problem.detail : "It was cancelled.");
      return true;
    }
    this.#progress(seen);
    return false;
  }

  #progress(seen) {
    if (!this.steps) {
      this.steps = new Steps(nameOf(this.id), () => this.#cancel());
      this.root.replaceChildren(backRow(), this.steps.root);
    }
    const isQueued = seen.state === "queued";
    const step = isQueued ? 1 : 2;
    if (step !== this.step) announce(progressText(seen));
    this.step = step;
    this.steps.show(step, isQueued ? null : estimatedShare(seen.progress), progressText(seen), true);
    this.#askHealth();
  }

  /** Ask now and then whether the diarization server is available. */
  async #askHealth() {
    if (this.polls++ % HEALTH_EVERY) return;
    this.outage = await checkHealth().then(
      () => "",
      () => "The diarization server is unavailable. The recording will be sent again when it is back.",
    );
  }

  #result(seen, shown) {
    showBanner("");
    announce("The result is ready.");
    const name = nameOf(this.id) ?? seen.recording_id;
    const facts = [clock(shown.audio_s, 0), shown.mode && (shown.mode === "full" ? "accurate mode" : "fast mode")];
    this.onFacts({ name, facts: facts.filter(Boolean).join(" · ") });
    this.result = new ResultPage(this.root, seen, shown);
  }

  #retry(problem) {
    showBanner(problem.status ? `${problem.message} Trying again.` : UNREACHABLE);
    this.timer = setTimeout(() => this.#poll(), AGAIN_MS);
  }

  #gone() {
    const name = nameOf(this.id);
    forget(this.id);
    showBanner("");
    const words = "It was removed, or it has expired: results are kept for a limited time. Or the address is incomplete.";
    this.#message(name ? [element("bdi", {}, name), " is no longer there"] : ["There is no such recording"], words);
  }

  #noResult(detail) {
    showBanner("");
    this.#message(["There is no result"], detail);
  }

  #message(title, detail) {
    const home = element("a", { href: "#", class: "button primary" }, "Choose a recording");
    this.root.replaceChildren(element("section", { class: "card message-card", role: "alert" }, element("h2", {}, ...title), element("p", {}, detail), home));
  }

  async #cancel() {
    this.destroy();
    await removeJob(this.id).catch(() => {}); // it has ended already, or will expire
    forget(this.id);
    announce("Cancelled.");
    location.hash = "";
  }

  get isPrecious() {
    return this.result?.isPrecious ?? false;
  }

  destroy() {
    this.ended = true;
    clearTimeout(this.timer);
    this.result?.destroy();
    showBanner("");
  }
}

function backRow() {
  return element("p", { class: "row" }, backLink());
}

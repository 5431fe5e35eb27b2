// One job: its progress while it has not ended, then its result, or why there is none.

import { AWAY, health, job, removeJob, view } from "./api.js";
import { banner, say } from "./live.js";
import { forget, nameOf, remember } from "./recordings.js";
import { ResultPage } from "./result_page.js";
import { Steps } from "./steps.js";
import { estimatedShare, progressText } from "./words.js";

const POLL_MS = 1000;
const AGAIN_MS = 2000;
const GONE = 404;
const HEALTH_EVERY = 5; // polls

export class JobPage {
  /** `onFacts` is told {name, facts} when more is known. */
  constructor(root, id, onFacts) {
    this.root = root;
    this.id = id;
    this.onFacts = onFacts;
    this.polls = 0;
    this.away = "";
    onFacts({ name: nameOf(id) ?? "Recording", facts: "" });
    root.replaceChildren(back());
    this.#poll();
  }

  async #poll() {
    try {
      const seen = await job(this.id);
      if (this.ended) return;
      if (nameOf(this.id) === null) remember(this.id, seen.recording_id); // opened by its address
      this.onFacts({ name: nameOf(this.id) ?? seen.recording_id, facts: "" });
      banner(this.away);
      if (await this.#show(seen)) return;
      this.timer = setTimeout(() => this.#poll(), POLL_MS);
    } catch (problem) {
      if (this.ended) return;
      if (problem.status === GONE) this.#gone();
      else if (problem.status === undefined) throw problem;
      else if (problem.mayPass) this.#again(problem);
      else this.#nothing(problem.message);
    }
  }

  /** Show where it is; whether there is nothing more to wait for. */
  async #show(seen) {
    if (seen.state === "done") {
      const shown = await view(this.id);
      if (!this.ended) this.#result(seen, shown);
      return true;
    }
    if (seen.state === "failed" || seen.state === "cancelled") {
      this.#nothing(seen.state === "failed" ? seen.problem.detail : "It was cancelled.");
      return true;
    }
    this.#progress(seen);
    return false;
  }

  #progress(seen) {
    if (!this.steps) {
      this.steps = new Steps(nameOf(this.id), () => this.#cancel());
      this.root.replaceChildren(back(), this.steps.root);
    }
    const isQueued = seen.state === "queued";
    const step = isQueued ? 1 : 2;
    if (step !== this.step) say(progressText(seen));
    this.step = step;
    this.steps.show(step, isQueued ? null : estimatedShare(seen.progress), progressText(seen), true);
    this.#askHealth();
  }

  /** Now and then find out whether the diarization server is there at all. */
  async #askHealth() {
    if (this.polls++ % HEALTH_EVERY) return;
    this.away = await health().then(
      () => "",
      () => "The diarization server is away. The recording is sent again as soon as it is back.",
    );
  }

  #result(seen, shown) {
    banner("");
    say("The result is there.");
    const name = nameOf(this.id) ?? seen.recording_id;
    const facts = [clock(shown.audio_s, 0), shown.mode && (shown.mode === "full" ? "accurate mode" : "fast mode")];
    this.onFacts({ name, facts: facts.filter(Boolean).join(" · ") });
    this.result = new ResultPage(this.root, seen, shown);
  }

  #again(problem) {
    banner(problem.status ? `${problem.message} Trying again.` : AWAY);
    this.timer = setTimeout(() => this.#poll(), AGAIN_MS);
  }

  #gone() {
    const name = nameOf(this.id);
    forget(this.id);
    banner("");
    const words = "It was removed, or its time is over: results are kept for a while only. Or the address is not complete.";
    this.#message(name ? [element("bdi", {}, name), " is no longer there"] : ["There is no such recording"], words);
  }

  #nothing(detail) {
    banner("");
    this.#message(["There is no result"], detail);
  }

  #message(title, detail) {
    const home = element("a", { href: "#", class: "button primary" }, "Choose a recording");
    this.root.replaceChildren(element("section", { class: "card message-card", role: "alert" }, element("h2", {}, ...title), element("p", {}, detail), home));
  }

  async #cancel() {
    this.destroy();
    await removeJob(this.id).catch(() => {}); // it ends, or has ended
    forget(this.id);
    say("Cancelled.");
    location.hash = "";
  }

  get isPrecious() {
    return this.result?.isPrecious ?? false;
  }

  destroy() {
    this.ended = true;
    clearTimeout(this.timer);
    this.result?.destroy();
    banner("");
  }
}

function back() {
  return element("p", { class: "row" }, element("a", { href: "#" }, "← All recordings"));
}

// The recordings of this browser: their ids in localStorage, and the list of them on the page.

import { element } from "../../viewer/dom.js";
import { longTime } from "../../viewer/format.js";
import { UNREACHABLE, loadJob, loadLimits, removeJob } from "./api.js";
import { showBanner } from "./frame.js";
import { progressText } from "./progress.js";
import { uploadRow } from "./uploads.js";

const POLL_MS = 1500;
const GONE = 404;
const ENDED = ["done", "failed", "cancelled"];
const PLACE = "diarization-recordings";
const MOST = 200;

/** The known recordings, [{id, name, at}], the newest first; `at` is in milliseconds since the epoch. */
export function recordings() {
  try {
    const kept = JSON.parse(localStorage.getItem(PLACE) ?? "[]");
    return Array.isArray(kept) ? kept.filter((each) => each && typeof each.id === "string") : [];
  } catch {
    return [];
  }
}

export function remember(id, name) {
  keep([{ id, name, at: Date.now() }, ...recordings().filter((each) => each.id !== id)]);
}

export function forget(id) {
  keep(recordings().filter((each) => each.id !== id));
}

export function nameOf(id) {
  return recordings().find((each) => each.id === id)?.name ?? null;
}

function keep(list) {
  try {
    localStorage.setItem(PLACE, JSON.stringify(list.slice(0, MOST)));
  } catch {
    // this browser keeps nothing: the address bar still holds the job
  }
}

/** The recordings of this browser, and the uploads in progress. */
export class RecordingList {
  constructor(uploads) {
    this.uploads = uploads;
    this.known = new Map(); // last known state of the jobs, by id
    this.notes = element("div", { role: "status" });
    this.rows = element("ul", { class: "recordings" });
    this.root = element("section", { class: "card", "aria-label": "My recordings", hidden: true }, element("h2", {}, "My recordings"), this.notes, this.rows);
    this.onChange = () => this.#show();
    uploads.addEventListener("change", this.onChange);
    uploads.addEventListener("arrived", this.onChange);
    globalThis.addEventListener("storage", this.onChange); // another tab
    this.#show();
    this.#watch();
  }

  #show() {
    const held = this.rows.contains(document.activeElement) ? document.activeElement.dataset.of : null;
    const sent = this.uploads.all.filter(({ state }) => !["arrived", "cancelled"].includes(state));
    const rows = [
      ...sent.map((upload) => uploadRow(upload, this.uploads)),
      ...recordings().map((each) => this.#row(each)),
    ];
    this.rows.replaceChildren(...rows);
    this.root.hidden = !rows.length && !this.notes.childElementCount;
    if (held) this.rows.querySelector(`[data-of="${CSS.escape(held)}"]`)?.focus();
  }

  #row({ id, name, at }) {
    const seen = this.known.get(id);
    const open = element("a", { href: `#${id}`, class: "name", "data-of": `open ${id}` }, element("bdi", {}, name));
    const verb = seen && !ENDED.includes(seen.state) ? "Cancel" : "Remove";
    const remove = element("button", { type: "button", "data-of": `remove ${id}`, "aria-label": `${verb} ${name}` }, verb);
    remove.addEventListener("click", () => this.#remove(id));
    const when = new Date(at).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
    const state = element("span", { class: `state ${seen?.state ?? ""}` }, seen ? stateText(seen) : "…");
    return element("li", {}, open, element("span", { class: "soft" }, when), state, remove);
  }

  async #remove(id) {
    await removeJob(id).catch(() => {}); // it is gone already, or will expire
    forget(id);
    this.#show();
  }

  async #watch() {
    const asked = recordings().filter(({ id }) => !ENDED.includes(this.known.get(id)?.state));
    for (const each of asked) {
      try {
        this.known.set(each.id, await loadJob(each.id));
        if (this.isUnreachable) showBanner("");
        this.isUnreachable = false;
      } catch (problem) {
        if (problem.status === GONE) await this.#vanished(each);
        else this.#unreachable(problem);
      }
      if (this.ended) return;
    }
    if (asked.length) this.#show();
    this.timer = setTimeout(() => this.#watch(), POLL_MS);
  }

  #unreachable(problem) {
    this.isUnreachable = true;
    showBanner(problem.status ? problem.message : UNREACHABLE);
  }

  async #vanished({ id, name }) {
    forget(id);
    const { keep_s } = await loadLimits().catch(() => ({}));
    const kept = keep_s ? `: results are kept for ${longTime(keep_s)}` : "";
    this.notes.append(element("p", { class: "notice" }, element("bdi", {}, name), ` is no longer there${kept}.`));
  }

  destroy() {
    this.ended = true;
    clearTimeout(this.timer);
    this.uploads.removeEventListener("change", this.onChange);
    this.uploads.removeEventListener("arrived", this.onChange);
    globalThis.removeEventListener("storage", this.onChange);
  }
}

function stateText(seen) {
  if (seen.state === "done") return seen.corrected ? "Done, corrected" : "Done";
  if (seen.state === "failed") return `Failed: ${seen.problem.detail}`;
  return seen.state === "cancelled" ? "Cancelled" : progressText(seen);
}

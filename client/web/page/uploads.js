// All files that are to be sent, one after another.

import { sendFile } from "./upload.js";

const PLACE = "diarization-uploading"; // names in sessionStorage, to say after a reload what was lost
const AGAIN_S = 3;
const UNAUTHORIZED = 401;

/**
 * Events: `change` {upload}, whatever became of it; `arrived` {upload, job}.
 *
 * An upload is {file, fields, state, sent, problem, job}; its state is `waiting`, `sending`, `held` (it is
 * sent again of its own accord), `locked` (the service wants a key), `failed`, `arrived` or
 * `cancelled`.
 */
export class Uploads extends EventTarget {
  constructor() {
    super();
    this.all = [];
    this.watched = null; // the one that has the page for itself
  }

  add(files, fields) {
    const made = files.map((file) => ({ file, fields, state: "waiting", sent: 0, problem: null }));
    this.all.push(...made);
    made.forEach((upload) => this.#tell(upload));
    this.#next();
    return made;
  }

  /** Those that have not come to an end. */
  get open() {
    return this.all.filter(({ state }) => ["waiting", "sending", "held", "locked"].includes(state));
  }

  /** Whether an upload is under way, or has failed and somebody should see why. */
  needsCare(upload) {
    return this.open.includes(upload) || (this.all.includes(upload) && upload.state === "failed");
  }

  cancel(upload) {
    clearTimeout(upload.timer);
    upload.cancel?.();
    this.#become(upload, "cancelled");
    this.#next();
  }

  /** Send one again that failed, is held, or had no key. */
  retry(upload) {
    clearTimeout(upload.timer);
    this.#become(upload, "waiting", { sent: 0, problem: null });
    this.#next();
  }

  dismiss(upload) {
    this.all = this.all.filter((each) => each !== upload);
    this.#tell(upload);
  }

  #next() {
    const [first] = this.open;
    if (first?.state === "waiting") this.#send(first);
  }

  async #send(upload) {
    const sending = sendFile(upload.file, upload.fields, (sent) => {
      if (upload.state === "sending") this.#become(upload, "sending", { sent });
    });
    upload.cancel = sending.cancel;
    this.#become(upload, "sending", { sent: 0, problem: null });
    try {
      const job = await sending.done;
      if (upload.state !== "sending") return; // cancelled in the last moment
      this.#become(upload, "arrived", { sent: upload.file.size, job });
      this.dispatchEvent(new CustomEvent("arrived", { detail: { upload, job } }));
    } catch (error) {
      if (error.name === "AbortError") return;
      this.#failed(upload, error);
    }
    this.#next();
  }

  #failed(upload, problem) {
    if (problem.status === UNAUTHORIZED) {
      this.#become(upload, "locked", { problem });
    } else if (problem.mayPass && problem.status !== 500) {
      upload.timer = setTimeout(() => this.retry(upload), 1000 * (problem.retry_s ?? AGAIN_S));
      this.#become(upload, "held", { problem });
    } else {
      this.#become(upload, "failed", { problem });
    }
  }

  #become(upload, state, more = {}) {
    Object.assign(upload, { state }, more);
    this.#tell(upload);
  }

  #tell(upload) {
    const names = this.open.map(({ file }) => file.name);
    sessionStorage.setItem(PLACE, JSON.stringify(names));
    this.dispatchEvent(new CustomEvent("change", { detail: { upload } }));
  }
}

/** Names of files whose upload ended with the page before; asked once. */
export function lostUploads() {
  const names = JSON.parse(sessionStorage.getItem(PLACE) ?? "[]");
  sessionStorage.removeItem(PLACE);
  return names;
}

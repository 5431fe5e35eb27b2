// All files that are to be sent, one after another, and what the page shows of each.

import { sendFile, setKey } from "./api.js";
import { element } from "../../viewer/dom.js";
import { fileSize } from "../../viewer/format.js";

const PLACE = "diarization-uploading"; // file names in sessionStorage, to say after a reload what was lost
const AGAIN_S = 3;
const UNAUTHORIZED = 401;

/**
 * Events: `change` {upload}, after every change of its state; `arrived` {upload, job}.
 *
 * An upload is {file, fields, state, sent, problem, job}; its state is `waiting`, `sending`, `held` (will
 * be retried automatically), `locked` (the service wants a key), `failed`, `arrived` or `cancelled`.
 */
export class Uploads extends EventTarget {
  constructor() {
    super();
    this.all = [];
    this.watched = null; // the one that UploadPage shows
  }

  add(files, fields) {
    const made = files.map((file) => ({ file, fields, state: "waiting", sent: 0, problem: null }));
    this.all.push(...made);
    made.forEach((upload) => this.#emit(upload));
    this.#next();
    return made;
  }

  /** Those that have not ended. */
  get open() {
    return this.all.filter(({ state }) => ["waiting", "sending", "held", "locked"].includes(state));
  }

  /** Whether an upload is in progress, or has failed and the user should see why. */
  needsCare(upload) {
    return this.open.includes(upload) || (this.all.includes(upload) && upload.state === "failed");
  }

  cancel(upload) {
    clearTimeout(upload.timer);
    upload.cancel?.();
    this.#become(upload, "cancelled");
    this.#next();
  }

  /** Send an upload again that failed, is held, or had no key. */
  retry(upload) {
    clearTimeout(upload.timer);
    this.#become(upload, "waiting", { sent: 0, problem: null });
    this.#next();
  }

  dismiss(upload) {
    this.all = this.all.filter((each) => each !== upload);
    this.#emit(upload);
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
      if (upload.state !== "sending") return; // cancelled at the last moment
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
    this.#emit(upload);
  }

  #emit(upload) {
    const names = this.open.map(({ file }) => file.name);
    sessionStorage.setItem(PLACE, JSON.stringify(names));
    this.dispatchEvent(new CustomEvent("change", { detail: { upload } }));
  }
}

/** Names of files whose upload was lost with the page before; forgets them. */
export function lostUploads() {
  const names = JSON.parse(sessionStorage.getItem(PLACE) ?? "[]");
  sessionStorage.removeItem(PLACE);
  return names;
}

/** An upload's line in the list of recordings. */
export function uploadRow(upload, uploads) {
  const { file, sent } = upload;
  const bar = element("progress", { max: 1, value: file.size ? sent / file.size : 0, "aria-label": `Upload of ${file.name}` });
  return element(
    "li",
    { class: "uploading" },
    element("span", { class: "name" }, element("bdi", {}, file.name)),
    bar,
    element("span", { class: "state" }, uploadText(upload)),
    ...uploadActions(upload, uploads),
  );
}

/** The state of an upload as a sentence. */
export function uploadText({ file, state, sent, problem }) {
  if (state === "waiting") return "Waits for the upload before it.";
  if (problem) return problem.message;
  const share = file.size ? Math.floor((100 * sent) / file.size) : 0;
  return `${fileSize(sent)} of ${fileSize(file.size)} sent, ${share} %.`;
}

/** Buttons for an upload, and a field for a missing key. */
export function uploadActions(upload, uploads) {
  const act = (text, what) => {
    const made = element("button", { type: "button", "data-of": `${text} ${upload.file.name}`, "aria-label": `${text}: ${upload.file.name}` }, text);
    made.addEventListener("click", what);
    return made;
  };
  if (upload.state === "failed") return [act("Try again", () => uploads.retry(upload)), act("Dismiss", () => uploads.dismiss(upload))];
  const cancel = act("Cancel", () => uploads.cancel(upload));
  return upload.state === "locked" ? [keyForm(() => uploads.retry(upload)), cancel] : [cancel];
}

/** A field for the API key; `onKey()` is called when it is set. */
export function keyForm(onKey) {
  const key = element("input", { type: "password", autocomplete: "current-password", required: true, "aria-label": "API key", "data-of": "key" });
  const form = element("form", { class: "row" }, key, element("button", { type: "submit" }, "Use this key"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    setKey(key.value.trim());
    onKey();
  });
  return form;
}

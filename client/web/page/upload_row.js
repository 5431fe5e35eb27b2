// One upload in the list: its bytes, what went wrong, and what can be done about it.

import { setKey } from "./api.js";
import { bytes } from "./upload.js";

export class UploadRow {
  constructor(upload, uploads) {
    this.upload = upload;
    const share = upload.file.size ? upload.sent / upload.file.size : 0;
    const bar = element("progress", { max: 1, value: share, "aria-label": `Upload of ${upload.file.name}` });
    this.root = element("li", { class: "uploading" }, element("span", { class: "name" }, element("bdi", {}, upload.file.name)), bar, element("span", { class: "state" }, uploadText(upload)), ...actions(upload, uploads));
  }
}

/** Say how far an upload is. */
export function uploadText({ file, state, sent, problem }) {
  if (state === "waiting") return "Waits for the upload before it.";
  if (problem) return problem.message;
  const share = file.size ? Math.floor((100 * sent) / file.size) : 0;
  return `${bytes(sent)} of ${bytes(file.size)} sent, ${share} %.`;
}

/** Buttons, and a field where a key is missing. */
export function actions(upload, uploads) {
  const act = (text, what) => {
    const made = element("button", { type: "button", "data-of": `${text} ${upload.file.name}`, "aria-label": `${text}: ${upload.file.name}` }, text);
    made.addEventListener("click", what);
    return made;
  };
  if (upload.state === "failed") return [act("Try again", () => uploads.retry(upload)), act("Dismiss", () => uploads.dismiss(upload))];
  const cancel = act("Cancel", () => uploads.cancel(upload));
  return upload.state === "locked" ? [keyForm(upload, uploads), cancel] : [cancel];
}

function keyForm(upload, uploads) {
  const key = element("input", { type: "password", autocomplete: "current-password", required: true, "aria-label": "API key", "data-of": "key" });
  const form = element("form", { class: "row" }, key, element("button", { type: "submit" }, "Use this key"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    setKey(key.value.trim());
    uploads.retry(upload);
  });
  return form;
}

// Sends one file, and tells exactly how much of it has gone.

import { keyHeaders, Problem, problemOf } from "./api.js";

/**
 * Send a file as a job. `onProgress(sent, total)` gets bytes. Returns {done, cancel}: `done` comes
 * true with the job, or fails with a Problem; cancelled, with an AbortError.
 */
export function sendFile(file, fields, onProgress) {
  const request = new XMLHttpRequest(); // fetch does not tell how much has gone
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", file, file.name);
  request.open("POST", "/v1/diarize");
  request.setRequestHeader("Prefer", "respond-async");
  request.setRequestHeader("Accept", "application/json");
  for (const [name, value] of Object.entries(keyHeaders())) request.setRequestHeader(name, value);
  const done = new Promise((resolve, reject) => {
    // The form around the file has some bytes too: the file's own share is told.
    request.upload.onprogress = ({ loaded, total }) =>
      onProgress(Math.round(file.size * Math.min(total ? loaded / total : 0, 1)), file.size);
    request.onload = () => {
      if (request.status === 202) resolve(JSON.parse(request.responseText));
      else reject(problemOf(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    };
    request.onerror = () =>
      reject(new Problem(0, "The upload broke off: the service cannot be reached."));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
  });
  request.send(form);
  return { done, cancel: () => request.abort() };
}

/** Write bytes for people: 12.3 MB. */
export function bytes(n) {
  const units = ["bytes", "kB", "MB", "GB"];
  let unit = 0;
  let value = n;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit ? value.toFixed(value < 100 ? 1 : 0) : value} ${units[unit]}`;
}

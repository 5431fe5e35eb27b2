// Calls to the gateway. Its errors are problem details, whose `detail` is a sentence.

const KEY = "diarization-key"; // in sessionStorage, if the service asks for one
export const UNREACHABLE = "The service cannot be reached. Trying again.";

/** An error; `status` is that of the response, 0 if there was none. */
export class Problem extends Error {
  constructor(status, detail, retry_s = null) {
    super(detail);
    this.status = status;
    this.retry_s = retry_s;
  }

  /** Whether it makes sense to try again. */
  get mayPass() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Read the problem from a response's body. */
function problemOf(status, body, retryAfter) {
  let detail = `The service answered with error ${status}.`;
  try {
    detail = sentence(JSON.parse(body).detail ?? detail);
  } catch {
    // not a problem document: the status must do
  }
  return new Problem(status, detail, retryAfter ? Number(retryAfter) : null);
}

/** The problem in a frame `error` of a live session. */
export function problemIn({ status, detail }) {
  return new Problem(status, sentence(detail));
}

function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

async function call(method, path, { json, keepalive = false } = {}) {
  const headers = json === undefined ? {} : { "Content-Type": "application/json" };
  const body = json === undefined ? undefined : JSON.stringify(json);
  let answer;
  try {
    answer = await fetch(path, { method, headers, body, keepalive, cache: "no-store" });
  } catch {
    throw new Problem(0, UNREACHABLE);
  }
  if (answer.ok) return answer;
  throw problemOf(answer.status, await answer.text().catch(() => ""), answer.headers.get("Retry-After"));
}

const pathOf = (id, part = "") => `/v1/jobs/${encodeURIComponent(id)}${part}`;

export async function loadJob(id) {
  return (await call("GET", pathOf(id))).json();
}

export async function loadView(id) {
  return (await call("GET", pathOf(id, "/view"))).json();
}

export async function removeJob(id) {
  await call("DELETE", pathOf(id));
}

export async function saveTurns(id, turns, keepalive = false) {
  await call("PUT", pathOf(id, "/turns"), { json: { turns }, keepalive });
}

/** How much the service accepts and how long it keeps it. */
export async function loadLimits() {
  return (await call("GET", "/v1/limits")).json();
}

/** Check that recordings can be diarized now; a Problem says why not. */
export async function checkHealth() {
  await call("GET", "/healthz");
}

export const streamAddress = () => new URL("/v1/stream", location.href.replace(/^http/, "ws")).href;
export const soundOf = (id) => pathOf(id, "/sound");
export const reportOf = (id) => pathOf(id, "/report");
export const resultOf = (id, format) => pathOf(id, `/result?format=${format}`);

/** The API key that the user gave; null without one. */
export function apiKey() {
  return sessionStorage.getItem(KEY);
}

export function setKey(key) {
  sessionStorage.setItem(KEY, key);
}

/**
 * Send a file as a job. `onProgress(sent)` gets bytes. Returns {done, cancel}: the promise `done` resolves
 * to the job, and rejects with a Problem, or with an AbortError after `cancel()`.
 */
export function sendFile(file, fields, onProgress) {
  const request = new XMLHttpRequest(); // fetch reports no upload progress
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", file, file.name);
  request.open("POST", "/v1/diarize");
  request.setRequestHeader("Prefer", "respond-async");
  request.setRequestHeader("Accept", "application/json");
  if (apiKey()) request.setRequestHeader("X-API-Key", apiKey());
  const done = new Promise((resolve, reject) => {
    // The form around the file has some bytes too: report the share of the file.
    request.upload.addEventListener("progress", ({ loaded, total }) =>
      onProgress(Math.round(file.size * Math.min(total ? loaded / total : 0, 1))),
    );
    request.addEventListener("load", () => {
      if (request.status === 202) resolve(JSON.parse(request.responseText));
      else reject(problemOf(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    });
    request.addEventListener("error", () => reject(new Problem(0, "The upload was interrupted: the service cannot be reached.")));
    request.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
  });
  request.send(form);
  return { done, cancel: () => request.abort() };
}

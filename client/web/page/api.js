// Calls to the gateway. Its errors are problem details, whose `detail` is a sentence for people.

const KEY = "diarization-key"; // in sessionStorage, where the service asks for one
export const AWAY = "The service cannot be reached. Trying again.";

/** An answer that is an error; `status` is 0 where there was none at all. */
export class Problem extends Error {
  constructor(status, detail, retry_s = null) {
    super(detail);
    this.status = status;
    this.retry_s = retry_s;
  }

  /** Whether it makes sense to ask again. */
  get mayPass() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Read the problem out of an error's body. */
export function problemOf(status, body, retryAfter) {
  let detail = `The service answered with error ${status}.`;
  try {
    detail = sentence(JSON.parse(body).detail ?? detail);
  } catch {
    // not from the gateway: its status must do
  }
  return new Problem(status, detail, retryAfter ? Number(retryAfter) : null);
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
    throw new Problem(0, AWAY);
  }
  if (answer.ok) return answer;
  throw problemOf(answer.status, await answer.text().catch(() => ""), answer.headers.get("Retry-After"));
}

const pathOf = (id, part = "") => `/v1/jobs/${encodeURIComponent(id)}${part}`;

export async function job(id) {
  return (await call("GET", pathOf(id))).json();
}

export async function view(id) {
  return (await call("GET", pathOf(id, "/view"))).json();
}

export async function removeJob(id) {
  await call("DELETE", pathOf(id));
}

export async function saveTurns(id, turns, keepalive = false) {
  await call("PUT", pathOf(id, "/turns"), { json: { turns }, keepalive });
}

export async function forgetCorrections(id) {
  await call("DELETE", pathOf(id, "/turns"));
}

/** What the service takes and for how long it keeps it. */
export async function limits() {
  return (await call("GET", "/v1/limits")).json();
}

/** Whether recordings can be diarized now; a Problem says why not. */
export async function health() {
  await call("GET", "/healthz");
}

export const soundOf = (id) => pathOf(id, "/sound");
export const reportOf = (id) => pathOf(id, "/report");
export const resultOf = (id, format) => pathOf(id, `/result?format=${format}`);

export function keyHeaders() {
  const key = sessionStorage.getItem(KEY);
  return key ? { "X-API-Key": key } : {};
}

export function setKey(key) {
  sessionStorage.setItem(KEY, key);
}

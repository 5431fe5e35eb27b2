// The recordings of this browser: ids of jobs in localStorage. Nobody else knows them.

const PLACE = "diarization-recordings";
const MOST = 200;

/** [{id, name, at}], the newest first; `at` in milliseconds since the epoch. */
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
    // a browser that keeps nothing: its address bar still holds the job
  }
}

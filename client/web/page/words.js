// How far something is, in words. No elements here.

/** Write how long it may take yet, as the estimate that it is. */
export function timeLeft(remaining_s) {
  if (remaining_s === null || remaining_s === undefined) return "";
  if (remaining_s < 1) return "longer than estimated, still at work";
  return `about ${about(remaining_s)} left, an estimate`;
}

function about(left_s) {
  if (left_s < 10) return `${Math.ceil(left_s)} s`;
  if (left_s < 90) return `${Math.ceil(left_s / 5) * 5} s`;
  if (left_s < 5400) return `${Math.round(left_s / 60)} min`;
  return `${(left_s / 3600).toFixed(1)} h`;
}

/** A sentence on the progress of a job that has not ended. */
export function progressText({ state, progress }) {
  const left = timeLeft(progress.estimated_remaining_s);
  if (state === "queued") return joined(place(progress.queue_position), left);
  const begun = "Finding who speaks when";
  return joined(begun, left || `${Math.round(progress.elapsed_s ?? 0)} s so far, of unknown length`);
}

function place(position) {
  if (!position || position === 1) return "Next in the queue";
  const before = position - 1;
  return `In the queue, ${before} ${before === 1 ? "recording" : "recordings"} before it`;
}

function joined(...parts) {
  return `${parts.filter(Boolean).join(": ")}.`;
}

/** The share of a job's work that is done, 0 to 1, by the estimate; null where there is none. */
export function estimatedShare({ elapsed_s, estimated_remaining_s }) {
  if (elapsed_s === null || estimated_remaining_s === null) return null;
  const all_s = elapsed_s + estimated_remaining_s;
  return all_s > 0 ? Math.min(elapsed_s / all_s, 0.99) : null;
}

/** Read 66.5, 1:06.5 or 1:01:06.5 as seconds; NaN where it is none of these. */
export function parsedTime(text) {
  const parts = text.trim().replace(",", ".").split(":");
  if (parts.length > 3 || !parts.every((part) => /^\d+(\.\d+)?$/.test(part))) return NaN;
  return parts.reduce((sum_s, part) => sum_s * 60 + Number(part), 0);
}

/** Write how long something is kept. */
export function longTime(time_s) {
  const plural = (n, unit) => `${n} ${unit}${n === 1 ? "" : "s"}`;
  if (time_s < 120) return plural(Math.round(time_s), "second");
  if (time_s < 3600) return plural(Math.round(time_s / 60), "minute");
  return time_s < 172800 ? plural(Math.round(time_s / 3600), "hour") : plural(Math.round(time_s / 86400), "day");
}

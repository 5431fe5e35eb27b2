// How far a job is, in words. No elements here.

/** Write the remaining time, marked as an estimate. */
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

/** The progress of a job that has not ended, as a sentence. */
export function progressText({ state, progress }) {
  const left = timeLeft(progress.estimated_remaining_s);
  if (state === "queued") return joined(place(progress.queue_position), left);
  const begun = "Finding who spoke when";
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

/** The estimated share of a job's work that is done, 0 to 1; null without an estimate. */
export function estimatedShare({ elapsed_s, estimated_remaining_s }) {
  if (elapsed_s === null || estimated_remaining_s === null) return null;
  const all_s = elapsed_s + estimated_remaining_s;
  return all_s > 0 ? Math.min(elapsed_s / all_s, 0.99) : null;
}

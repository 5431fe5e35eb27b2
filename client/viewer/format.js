// Times, sizes and shares as text, and back. No elements here.

// Unicode's bidi controls, and control characters.
const STEERING = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Replace every character that would reorder a text by its escape, such as \u202e. */
export function visible(text) {
  return String(text).replace(STEERING, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Write 66.789 as 1:06.8 and 3666.789 as 1:01:06.8, with 0 to 3 `digits` after the point. */
export function clock(time_s, digits = 1) {
  const scale = 10 ** digits;
  const parts = Math.floor(time_s * scale + 0.5 + 1e-6);
  const whole = Math.floor(parts / scale);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const two = (number) => String(number).padStart(2, "0");
  const fraction = digits ? "." + String(parts % scale).padStart(digits, "0") : "";
  return (hours ? `${hours}:${two(minutes)}` : `${minutes}`) + `:${two(whole % 60)}${fraction}`;
}

/** Read 66.5, 1:06.5 or 1:01:06.5 as seconds; NaN for anything else. */
export function parseTime(text) {
  const parts = text.trim().replace(",", ".").split(":");
  if (parts.length > 3 || !parts.every((part) => /^\d+(\.\d+)?$/.test(part))) return NaN;
  return parts.reduce((sum_s, part) => sum_s * 60 + Number(part), 0);
}

/** Write a length in seconds with one digit. */
export function seconds(length_s) {
  return `${(Math.floor(length_s * 10 + 0.5 + 1e-6) / 10).toFixed(1)} s`;
}

/** Write a length in seconds below a minute, and as a clock from there on. */
export function duration(length_s) {
  return length_s < 59.95 ? seconds(length_s) : clock(length_s, 0);
}

/** Write a long time in its largest unit: 2 hours. */
export function longTime(time_s) {
  const plural = (n, unit) => `${n} ${unit}${n === 1 ? "" : "s"}`;
  if (time_s < 120) return plural(Math.round(time_s), "second");
  if (time_s < 3600) return plural(Math.round(time_s / 60), "minute");
  return time_s < 172800 ? plural(Math.round(time_s / 3600), "hour") : plural(Math.round(time_s / 86400), "day");
}

/** Write a share, 0 to 1, as whole percent. */
export function percent(share) {
  return `${Math.floor(share * 100 + 0.5 + 1e-9)} %`;
}

/** Write a number of bytes as 12.3 MB. */
export function fileSize(n_bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  let unit = 0;
  let value = n_bytes;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit ? value.toFixed(value < 100 ? 1 : 0) : value} ${units[unit]}`;
}

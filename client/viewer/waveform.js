// The waveform: peaks in ever coarser levels, drawn in the colour of who talks.

import { element } from "./dom.js";
import { changesOf } from "./lanes.js";

/** Decode base64. */
export function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64); // browsers since 2025, ten times as fast
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export class Peaks {
  /** `peaks`: {per_s, data}, data being base64 of a byte per peak, 255 full scale. */
  constructor(peaks) {
    const bytes = bytesOf(peaks.data);
    this.per_s = peaks.per_s;
    this.levels = [bytes]; // each half as long as the one before
    while (this.levels.at(-1).length > 1) this.levels.push(Peaks.#halved(this.levels.at(-1)));
    this.highest = Math.max(this.levels.at(-1)[0] ?? 0, 1);
  }

  static #halved(level) {
    const half = new Uint8Array(Math.ceil(level.length / 2));
    for (let i = 0; i < half.length; i++) {
      half[i] = Math.max(level[2 * i], level[2 * i + 1] ?? 0);
    }
    return half;
  }

  /** The largest peak from `start_s` to `end_s`, as a share of the recording's largest. */
  between(start_s, end_s) {
    const span = (end_s - start_s) * this.per_s;
    const number = Math.min(Math.max(Math.floor(Math.log2(span)), 0), this.levels.length - 1);
    const level = this.levels[number];
    const per_s = this.per_s / 2 ** number;
    const last = Math.min(Math.ceil(end_s * per_s), level.length);
    let largest = 0;
    for (let i = Math.floor(start_s * per_s); i < last; i++) largest = Math.max(largest, level[i]);
    return largest / this.highest;
  }
}

export class Waveform {
  constructor(peaks) {
    this.peaks = new Peaks(peaks);
    this.canvas = element("canvas", { class: "waveform", "aria-hidden": "true" });
  }

  /** Draw from pixel `left` to `right` of the timeline; `colourAt(time_s)` gives a colour. */
  draw(scale, left, right, height, colourAt) {
    const ratio = globalThis.devicePixelRatio || 1;
    this.canvas.width = Math.max(Math.round((right - left) * ratio), 1);
    this.canvas.height = Math.round(height * ratio);
    Object.assign(this.canvas.style, { left: `${left}px`, width: `${right - left}px` });
    const context = this.canvas.getContext("2d");
    const middle = this.canvas.height / 2;
    const column = Math.max(Math.round(ratio), 1);
    for (let x = 0; x < this.canvas.width; x += column) {
      const start_s = (left + x / ratio) / scale.px_per_s;
      const end_s = (left + (x + column) / ratio) / scale.px_per_s;
      const reach = Math.max(this.peaks.between(start_s, end_s) * (middle - ratio), ratio / 2);
      context.fillStyle = colourAt((start_s + end_s) / 2);
      context.fillRect(x, middle - reach, column, 2 * reach);
    }
  }
}

/** A function from a time to who talks then, as keys of a map; fast if the times ascend. */
export function talkingAt(turns) {
  const changes = changesOf(turns);
  const open = new Map();
  let next = 0;
  let before_s = -Infinity;
  return (time_s) => {
    if (time_s < before_s) {
      next = 0;
      open.clear();
    }
    before_s = time_s;
    for (; next < changes.length && changes[next].time_s <= time_s; next++) {
      const { speaker, step } = changes[next];
      const n = (open.get(speaker) ?? 0) + step;
      if (n) open.set(speaker, n);
      else open.delete(speaker);
    }
    return open;
  };
}

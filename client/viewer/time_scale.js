"use strict";
// Seconds to pixels of the whole timeline and back.

const MOST_PX_PER_S = 400;
const MOST_PX = 16e6; // browsers place nothing exactly beyond

class TimeScale {
  constructor(audio_s) {
    this.audio_s = Math.max(audio_s, 0.001);
    this.px_per_s = 1;
    this.least = 1; // where all of it fits
  }

  /** Let the whole recording take `width` pixels at least; what was zoomed in stays so. */
  fit(width) {
    const wasFitted = this.px_per_s <= this.least;
    this.least = Math.max(width, 1) / this.audio_s;
    this.set(wasFitted ? this.least : this.px_per_s);
  }

  set(px_per_s) {
    const most = Math.max(this.least, Math.min(MOST_PX_PER_S, MOST_PX / this.audio_s));
    this.px_per_s = Math.min(Math.max(px_per_s, this.least), most);
  }

  get width() {
    return Math.round(this.audio_s * this.px_per_s);
  }

  x(time_s) {
    return time_s * this.px_per_s;
  }

  time(x) {
    return Math.min(Math.max(x / this.px_per_s, 0), this.audio_s);
  }

  /** Seconds between two labels of the ruler, so that they are `room` pixels apart or more. */
  step(room) {
    const wanted = room / this.px_per_s;
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
    return steps.find((step) => step >= wanted) ?? Math.ceil(wanted / 3600) * 3600;
  }
}

// The scrolling part: ruler, waveform, lanes, playhead. Only what is in sight is drawn.

import { element } from "./dom.js";
import { clock } from "./format.js";
import { Lanes, N_VOICES, voices } from "./lanes.js";
import { Waveform, talkingAt } from "./waveform.js";

const MOST_PX_PER_S = 400;
const MOST_PX = 16e6; // browsers place nothing exactly beyond

export class TimeScale {
  constructor(audio_s) {
    this.audio_s = Math.max(audio_s, 0.001);
    this.px_per_s = 1;
    this.least = 1; // where all of it fits
    this.fit_s = Infinity; // at most this much has to fit
  }

  /** Let the whole recording take `width` pixels at least; what was zoomed in stays so. */
  fit(width) {
    const wasFitted = this.px_per_s <= this.least;
    this.least = Math.max(width, 1) / Math.min(this.audio_s, this.fit_s);
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

const LABEL_ROOM_PX = 72;
const OVERSCAN = 0.5; // widths drawn beyond each side, so that short scrolls draw nothing

export class Timeline extends EventTarget {
  /** Events: `seek` {time_s}, `turn` {index}, and `drawn` after each drawing. */
  constructor(view) {
    super();
    this.scale = new TimeScale(view.audio_s);
    this.waveform = view.peaks ? new Waveform(view.peaks) : null;
    this.lanes = new Lanes();
    this.time_s = 0;
    this.drawn = null;
    this.#build();
    this.resizes = new ResizeObserver(() => {
      if (this.scroller.clientWidth !== this.width) this.resize();
    });
    this.resizes.observe(this.scroller);
    this.darkness = matchMedia("(prefers-color-scheme: dark)");
    this.onDarkness = () => this.draw();
    this.darkness.addEventListener("change", this.onDarkness);
    document.addEventListener("themechanged", this.onDarkness);
  }

  #build() {
    this.ruler = element("div", { class: "ruler", "aria-hidden": "true" });
    this.wave = element("div", { class: "wave" }, this.waveform?.canvas ?? "");
    this.playhead = element("div", { class: "playhead", "aria-hidden": "true" });
    this.content = element("div", { class: "content" }, this.ruler, this.wave, this.lanes.tracks, this.playhead);
    this.scroller = element(
      "div",
      { class: "scroller", tabindex: 0, role: "group", "aria-label": "Timeline" },
      this.content,
    );
    this.root = element("div", { class: "timeline" }, this.lanes.labels, this.scroller);
    this.scroller.addEventListener("scroll", () => this.#drawIfNeeded());
    this.content.addEventListener("click", (event) => this.#clicked(event));
    this.scroller.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  /** Show these lanes, from `lanesOf`, of these turns. */
  show(lanes, turns) {
    this.colours = voices(turns);
    this.talking = talkingAt(turns);
    this.lanes.show(lanes);
    this.resize();
  }

  /** Show a recording that has grown; its end stays in sight if it was. */
  grow(audio_s, lanes, turns) {
    const { scrollLeft, clientWidth } = this.scroller;
    const isAtEnd = scrollLeft + clientWidth >= this.scale.width - 1;
    this.scale.audio_s = audio_s;
    this.show(lanes, turns);
    if (isAtEnd) this.scroller.scrollLeft = this.scale.width;
  }

  resize() {
    this.width = this.scroller.clientWidth;
    this.scale.fit(this.width);
    this.draw();
  }

  /** Zoom by a factor; the moment at `anchor_s` stays where it is. */
  zoomBy(factor, anchor_s = this.#anchor()) {
    const offset = this.scale.x(anchor_s) - this.scroller.scrollLeft;
    this.scale.set(this.scale.px_per_s * factor);
    this.content.style.width = `${this.scale.width}px`;
    this.scroller.scrollLeft = this.scale.x(anchor_s) - offset;
    this.draw();
  }

  /** The playhead where it can be seen, else the middle. */
  #anchor() {
    const { scrollLeft, clientWidth } = this.scroller;
    return this.shows(this.time_s) ? this.time_s : this.scale.time(scrollLeft + clientWidth / 2);
  }

  shows(time_s) {
    const x = this.scale.x(time_s) - this.scroller.scrollLeft;
    return x >= 0 && x <= this.scroller.clientWidth;
  }

  /** Scroll so that a moment is seen, a tenth of the width from the left. */
  reveal(time_s) {
    if (!this.shows(time_s)) {
      this.scroller.scrollLeft = this.scale.x(time_s) - this.scroller.clientWidth / 10;
    }
  }

  moveTo(time_s, follow) {
    const wasSeen = this.shows(this.time_s);
    this.time_s = time_s;
    this.playhead.style.transform = `translateX(${this.scale.x(time_s)}px)`;
    if (follow && wasSeen) this.reveal(time_s);
  }

  /** Mark a turn by its index; -1 for none. */
  select(index) {
    if (index === this.lanes.selected) return;
    this.lanes.selected = index;
    this.draw();
  }

  #drawIfNeeded() {
    const { scrollLeft, clientWidth } = this.scroller;
    const right = Math.min(scrollLeft + clientWidth, this.scale.width);
    if (!this.drawn || scrollLeft < this.drawn.left || right > this.drawn.right) this.draw();
  }

  draw() {
    if (!this.talking || !this.scroller.clientWidth) return; // nothing to show, or no room yet
    const { scrollLeft, clientWidth } = this.scroller;
    this.content.style.width = `${this.scale.width}px`;
    const left = Math.max(Math.floor(scrollLeft - OVERSCAN * clientWidth), 0);
    const right = Math.min(Math.ceil(scrollLeft + (1 + OVERSCAN) * clientWidth), this.scale.width);
    this.drawn = { left, right };
    this.#drawRuler(left, right);
    this.#drawWave(left, right);
    this.lanes.draw(this.scale, left, right);
    this.moveTo(this.time_s, false);
    this.dispatchEvent(new CustomEvent("drawn"));
  }

  #drawRuler(left, right) {
    const step = this.scale.step(LABEL_ROOM_PX);
    const ticks = [];
    const digits = step < 1 ? 1 : 0;
    for (let n = Math.ceil(left / this.scale.x(step)); this.scale.x(n * step) < right; n++) {
      const tick = element("span", {}, clock(n * step, digits));
      tick.style.left = `${this.scale.x(n * step)}px`;
      ticks.push(tick);
    }
    this.ruler.replaceChildren(...ticks);
  }

  #drawWave(left, right) {
    if (!this.waveform) return;
    const style = getComputedStyle(this.root);
    const colour = (name) => style.getPropertyValue(name).trim();
    const silent = colour("--silence");
    const several = colour("--several");
    const byVoice = Array.from({ length: N_VOICES }, (_, number) => colour(`--voice-${number}`));
    this.waveform.draw(this.scale, left, right, this.wave.clientHeight, (time_s) => {
      const names = this.talking(time_s);
      if (names.size > 1) return several;
      return names.size ? byVoice[this.colours.get(names.keys().next().value)] : silent;
    });
  }

  #clicked(event) {
    const x = event.clientX - this.content.getBoundingClientRect().left;
    const time_s = this.scale.time(x);
    const track = event.target.closest(".track.lane-speaker");
    const piece = track && this.lanes.pieceAt(this.scale, track, time_s);
    const detail = piece ? { index: piece.index } : { time_s };
    this.dispatchEvent(new CustomEvent(piece ? "turn" : "seek", { detail }));
  }

  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return; // a plain wheel scrolls
    event.preventDefault();
    const x = event.clientX - this.content.getBoundingClientRect().left;
    this.zoomBy(2 ** (-event.deltaY / 200), this.scale.time(x));
  }

  destroy() {
    this.resizes.disconnect();
    this.darkness.removeEventListener("change", this.onDarkness);
    document.removeEventListener("themechanged", this.onDarkness);
  }
}

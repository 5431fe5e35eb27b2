"use strict";
// The scrolling part: ruler, waveform, lanes, playhead. Only what can be seen is there.

const LABEL_ROOM_PX = 72;
const THIN_PX = 3; // what is thinner, and the gaps between, are drawn together
const OVERSCAN = 0.5; // widths drawn beyond each side, so that short scrolls draw nothing

class Timeline extends EventTarget {
  /** Events: `seek` {time_s}, `turn` {index}, and `drawn` after blocks were placed anew. */
  constructor(view) {
    super();
    this.scale = new TimeScale(view.audio_s);
    this.waveform = view.peaks ? new Waveform(view.peaks) : null;
    this.selected = -1;
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
    this.tracks = element("div", { class: "tracks" });
    this.playhead = element("div", { class: "playhead", "aria-hidden": "true" });
    this.content = element("div", { class: "content" }, this.ruler, this.wave, this.tracks, this.playhead);
    this.scroller = element(
      "div",
      { class: "scroller", tabindex: 0, role: "group", "aria-label": "Timeline" },
      this.content,
    );
    this.labels = element("div", { class: "labels" });
    this.root = element("div", { class: "timeline" }, this.labels, this.scroller);
    this.scroller.addEventListener("scroll", () => this.#drawIfNeeded());
    this.content.addEventListener("click", (event) => this.#clicked(event));
    this.scroller.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  /** Show these lanes, from `lanesOf`, of these turns. */
  show(lanes, turns) {
    this.lanes = lanes;
    this.colours = voices(turns);
    this.talking = talkingAt(turns);
    this.labels.replaceChildren(
      element("div", { class: "label-space" }),
      ...lanes.map((lane) => this.#label(lane)),
    );
    this.tracks.replaceChildren(...lanes.map((lane) => this.#track(lane)));
    this.resize();
  }

  #label(lane) {
    const classes = `label lane-${lane.kind} ${voiceClass(lane.voice)}`;
    const name = element("span", { class: "name", title: lane.label }, element("bdi", {}, lane.label));
    const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
    return element("div", { class: classes }, swatch, name, element("span", { class: "note" }, lane.note));
  }

  #track(lane) {
    const n = lane.pieces.length;
    const words = `${lane.label}: ${n} ${n === 1 ? "stretch" : "stretches"}, ${lane.note}`;
    const classes = `track lane-${lane.kind} ${voiceClass(lane.voice)}`;
    return element("div", { class: classes, role: "img", "aria-label": words });
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

  select(index) {
    if (index === this.selected) return;
    this.selected = index;
    this.draw();
  }

  #drawIfNeeded() {
    const { scrollLeft, clientWidth } = this.scroller;
    const right = Math.min(scrollLeft + clientWidth, this.scale.width);
    if (!this.drawn || scrollLeft < this.drawn.left || right > this.drawn.right) this.draw();
  }

  draw() {
    if (!this.lanes || !this.scroller.clientWidth) return;
    const { scrollLeft, clientWidth } = this.scroller;
    this.content.style.width = `${this.scale.width}px`;
    const left = Math.max(Math.floor(scrollLeft - OVERSCAN * clientWidth), 0);
    const right = Math.min(Math.ceil(scrollLeft + (1 + OVERSCAN) * clientWidth), this.scale.width);
    this.drawn = { left, right };
    this.#drawRuler(left, right);
    this.#drawWave(left, right);
    [...this.tracks.children].forEach((track, number) => this.#drawLane(this.lanes[number], track, left, right));
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

  #drawLane(lane, track, left, right) {
    const { scale } = this;
    const thin_s = THIN_PX / scale.px_per_s;
    const blocks = visibleBlocks(lane.pieces, scale.time(left), scale.time(right), thin_s);
    track.replaceChildren(...blocks.map((block) => this.#block(lane, block)));
  }

  #block({ kind }, { start_s, end_s, pieces, covered }) {
    const [{ index, text }] = pieces;
    const isSelected = kind === "speaker" && pieces.some((piece) => piece.index === this.selected);
    const made = element("div", {
      class: `block${isSelected ? " selected" : ""}${pieces.length > 1 ? " many" : ""}`,
      title: pieces.length > 1 ? `${pieces.length} stretches: zoom in` : text,
      "data-index": kind === "speaker" && pieces.length === 1 ? index : null,
    });
    made.style.left = `${this.scale.x(start_s)}px`;
    made.style.width = `${Math.max(this.scale.x(end_s - start_s), 2)}px`;
    if (pieces.length > 1) made.style.opacity = 0.3 + 0.7 * covered;
    return made;
  }

  #clicked(event) {
    const x = event.clientX - this.content.getBoundingClientRect().left;
    const time_s = this.scale.time(x);
    const track = event.target.closest(".track.lane-speaker");
    const piece = track && this.#pieceAt(this.lanes[[...this.tracks.children].indexOf(track)], time_s);
    const detail = piece ? { index: piece.index } : { time_s };
    this.dispatchEvent(new CustomEvent(piece ? "turn" : "seek", { detail }));
  }

  /** The piece there, or the nearest within two pixels. */
  #pieceAt(lane, time_s) {
    const reach_s = THIN_PX / this.scale.px_per_s;
    const distance = (piece) => Math.max(piece.start_s - time_s, time_s - piece.end_s, 0);
    const near = lane.pieces.filter((piece) => distance(piece) <= reach_s);
    return near.sort((a, b) => distance(a) - distance(b))[0];
  }

  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return; // else it scrolls as everywhere
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

function voiceClass(voice) {
  return voice === null ? "voice-none" : `voice-${voice}`;
}

// The sound and its buttons.

import { button, element, icon } from "./dom.js";
import { clock } from "./format.js";

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];

export class Player extends EventTarget {
  /** Events: `time` {time_s}, and `state` when it starts, stops or gets its sound. */
  constructor(audio_s) {
    super();
    this.audio_s = audio_s;
    this.audio = element("audio", { preload: "auto" });
    this.stop_s = Infinity;
    for (const name of ["timeupdate", "seeking", "seeked"]) {
      this.audio.addEventListener(name, () => this.#tick());
    }
    for (const name of ["play", "pause", "ended", "loadedmetadata", "emptied", "error"]) {
      this.audio.addEventListener(name, () => this.#changed());
    }
    this.#build();
    this.#changed();
    this.#tick();
  }

  #build() {
    this.toggleButton = button("play", "Play", () => this.toggle());
    this.toggleButton.classList.add("primary");
    this.elapsed = element("span", { class: "elapsed" });
    this.slider = element("input", {
      type: "range", class: "position", min: 0, max: this.audio_s, step: "any", value: 0, "aria-label": "Position",
    });
    this.slider.addEventListener("input", () => this.seek(Number(this.slider.value)));
    this.speed = element("select", { "aria-label": "Speed" });
    this.speed.append(...SPEEDS.map((speed) => element("option", { value: speed, selected: speed === 1 }, `${speed}×`)));
    this.speed.addEventListener("change", () => (this.audio.playbackRate = Number(this.speed.value)));
    this.message = element("p", { class: "message", role: "status" });
  }

  get isPlaying() {
    return !this.audio.paused;
  }

  get time_s() {
    return this.audio.currentTime;
  }

  load(url) {
    this.audio.src = url;
  }

  seek(time_s) {
    this.stop_s = Infinity;
    this.audio.currentTime = Math.min(Math.max(time_s, 0), this.audio_s);
    this.#tick();
  }

  /** Play from here, or from `start_s` up to `end_s`. */
  async play(start_s = null, end_s = Infinity) {
    if (!this.audio.currentSrc && !this.audio.src) return;
    if (start_s !== null) this.seek(start_s);
    this.stop_s = end_s;
    try {
      await this.audio.play();
    } catch (error) {
      if (error.name !== "AbortError") this.message.textContent = `The sound cannot be played: ${error.message}`;
    }
  }

  pause() {
    this.stop_s = Infinity;
    this.audio.pause();
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  #changed() {
    const { isPlaying } = this;
    this.toggleButton.replaceChildren(icon(isPlaying ? "pause" : "play"));
    for (const name of ["aria-label", "title"]) {
      this.toggleButton.setAttribute(name, isPlaying ? "Pause" : "Play");
    }
    this.toggleButton.disabled = !this.audio.readyState;
    if (this.audio.error) this.message.textContent = "The sound cannot be decoded by this browser.";
    if (isPlaying) this.#watch();
    this.dispatchEvent(new CustomEvent("state"));
  }

  /** Follow the time in every frame while it plays. */
  #watch() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      this.#tick();
      if (this.isPlaying) this.#watch();
    });
  }

  #tick() {
    if (this.isPlaying && this.time_s >= this.stop_s) {
      const end_s = this.stop_s;
      this.pause();
      this.audio.currentTime = end_s;
    }
    const { time_s } = this;
    this.elapsed.textContent = `${clock(time_s)} / ${clock(this.audio_s)}`;
    this.slider.value = time_s;
    this.slider.setAttribute("aria-valuetext", clock(time_s));
    this.dispatchEvent(new CustomEvent("time", { detail: { time_s } }));
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    this.audio.pause();
    this.audio.removeAttribute("src");
  }
}

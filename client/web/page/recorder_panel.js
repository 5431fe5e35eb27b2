// The button to record with, the time and the level while it does.

import { say } from "./live.js";
import { Recorder } from "./recorder.js";

export class RecorderPanel {
  /** `onFile` gets what was recorded. */
  constructor(onFile) {
    this.onFile = onFile;
    this.recorder = null;
    this.words = element("span", {}, "Record");
    this.button = element("button", { type: "button", class: "record" }, element("span", { class: "dot", "aria-hidden": "true" }), this.words);
    this.button.addEventListener("click", () => this.toggle());
    this.elapsed = element("span", { class: "elapsed", role: "timer", "aria-label": "Recorded" });
    this.level = element("meter", { min: 0, max: 1, "aria-label": "Level of the microphone" });
    this.meter = element("span", { class: "recording", hidden: true }, this.elapsed, this.level);
    this.message = element("p", { class: "refusal", role: "alert" });
    this.root = element("span", { class: "recorder" }, this.button, this.meter);
  }

  get isRecording() {
    return this.recorder !== null;
  }

  async toggle() {
    if (this.recorder) {
      this.recorder.stop();
      return;
    }
    const recorder = new Recorder();
    this.message.textContent = "";
    this.button.disabled = true; // while the browser asks
    try {
      await recorder.start();
    } catch (error) {
      this.message.textContent = error.message;
      return;
    } finally {
      this.button.disabled = false;
    }
    this.recorder = recorder;
    recorder.addEventListener("stopped", ({ detail }) => this.#stopped(detail.file));
    this.#show(true);
    this.#watch();
    say("Recording.");
  }

  #stopped(file) {
    this.recorder = null;
    this.#show(false);
    say("The recording has ended.");
    this.onFile(file);
  }

  #show(records) {
    this.words.textContent = records ? "Stop" : "Record";
    this.button.classList.toggle("on", records);
    this.meter.hidden = !records;
  }

  #watch() {
    if (!this.recorder) return;
    this.elapsed.textContent = clock(this.recorder.length_s, 0);
    this.level.value = this.recorder.level;
    setTimeout(() => this.#watch(), 100);
  }

  destroy() {
    this.onFile = () => {};
    this.recorder?.stop();
  }
}

// Files for the next start: dropped, picked, or recorded with the microphone.

import { element } from "../../viewer/dom.js";
import { clock, fileSize, visible } from "../../viewer/format.js";
import { announce } from "./frame.js";
import { Level, openMicrophone } from "./sound_input.js";

const TYPES = ["audio/webm;codecs=opus", "audio/webm", "audio/mp4", "audio/ogg;codecs=opus"];
const PIECE_MS = 1000;
const ACCEPTED = "audio/*,video/mp4,video/webm,.wav,.mp3,.flac,.ogg,.oga,.opus,.m4a,.mp4,.webm,.aac,.aiff";

/** Events: `changed`, when other files are chosen. */
export class FileChoice extends EventTarget {
  constructor() {
    super();
    this.files = [];
    this.most_bytes = Infinity; // until the service's limit is known
    this.input = element("input", { type: "file", multiple: true, accept: ACCEPTED, class: "unseen", tabindex: -1, "aria-label": "Files" });
    this.input.addEventListener("change", () => {
      this.add([...this.input.files]);
      this.input.value = ""; // the same file can be chosen again
    });
    const choose = element("button", { type: "button", class: "primary" }, "Choose a file");
    choose.addEventListener("click", () => this.input.click());
    this.recorder = new RecorderPanel((file) => this.add([file], true));
    this.note = element("p", { class: "soft" }, "wav, mp3, flac, ogg, m4a, mp4 or webm; one or several");
    this.refused = element("p", { role: "alert" });
    this.list = element("ul", { class: "chosen" });
    this.zone = element(
      "div",
      { class: "drop" },
      element("p", { class: "drop-title" }, "Drop a recording here"),
      element("div", { class: "row center" }, choose, this.recorder.root, element("a", { href: "#live", class: "button", title: "See who speaks while they speak" }, "Live")),
      this.note,
      this.recorder.message,
      this.refused,
      this.input,
    );
    this.root = element("div", {}, this.zone, this.list);
    this.#listen();
  }

  #listen() {
    this.over = (event) => {
      if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
      event.preventDefault();
      this.zone.classList.toggle("over", event.type === "dragover");
      if (event.type === "drop") this.add([...event.dataTransfer.files]);
    };
    for (const name of ["dragover", "dragleave", "drop"]) document.addEventListener(name, this.over);
  }

  /** Add files; those larger than the service accepts are refused before anything is sent. */
  add(files, isRecorded = false) {
    const tooLarge = files.filter((file) => file.size > this.most_bytes);
    const fitting = files.filter((file) => !tooLarge.includes(file));
    const refusals = tooLarge.map(({ name, size }) => `${name} has ${fileSize(size)}, the service takes up to ${fileSize(this.most_bytes)}.`);
    this.refused.textContent = visible(refusals.join(" "));
    this.files = [...this.files, ...fitting.map((file) => ({ file, isRecorded }))];
    this.#changed();
  }

  clear() {
    this.files = [];
    this.#changed();
  }

  /** Whether leaving the page would lose something: a recording that was not sent. */
  get isPrecious() {
    return this.recorder.isRecording || this.files.some(({ isRecorded }) => isRecorded);
  }

  #changed() {
    this.list.querySelectorAll("audio").forEach((audio) => URL.revokeObjectURL(audio.src));
    this.list.replaceChildren(...this.files.map((each) => this.#entry(each)));
    this.dispatchEvent(new CustomEvent("changed"));
  }

  #entry(each) {
    const { file, isRecorded } = each;
    const remove = element("button", { type: "button", class: "plain", "aria-label": `Leave ${file.name} out` }, "×");
    remove.addEventListener("click", () => {
      this.files = this.files.filter((other) => other !== each);
      this.#changed();
    });
    const listen = isRecorded ? [element("audio", { controls: true, src: URL.createObjectURL(file), "aria-label": `Listen to ${file.name}` })] : [];
    return element("li", {}, element("span", { class: "name" }, element("bdi", {}, file.name)), element("span", { class: "soft" }, fileSize(file.size)), ...listen, remove);
  }

  destroy() {
    for (const name of ["dragover", "dragleave", "drop"]) document.removeEventListener(name, this.over);
    this.recorder.destroy();
    this.files = [];
    this.#changed();
  }
}

/** The button to record with, and the time and the level while it does. */
class RecorderPanel {
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
    this.button.disabled = true; // while the browser asks for permission
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
    announce("Recording.");
  }

  #stopped(file) {
    this.recorder = null;
    this.#show(false);
    announce("The recording has ended.");
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
    this.level.value = this.recorder.level.value;
    setTimeout(() => this.#watch(), 100);
  }

  destroy() {
    this.onFile = () => {};
    this.recorder?.stop();
  }
}

/** Events: `stopped` {file}. */
class Recorder extends EventTarget {
  /** Start recording. Throws an Error whose message is a sentence for the user. */
  async start() {
    this.stream = await openMicrophone();
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    this.pieces = [];
    this.recorder = new MediaRecorder(this.stream, mimeType ? { mimeType } : {});
    this.recorder.addEventListener("dataavailable", ({ data }) => data.size && this.pieces.push(data));
    this.recorder.addEventListener("stop", () => this.#finish());
    this.recorder.start(PIECE_MS);
    this.begun_ms = performance.now();
    this.context = new AudioContext();
    this.level = new Level(this.context, this.context.createMediaStreamSource(this.stream));
  }

  stop() {
    if (this.recorder?.state === "recording") this.recorder.stop();
  }

  get length_s() {
    return (performance.now() - this.begun_ms) / 1000;
  }

  #finish() {
    this.stream.getTracks().forEach((track) => track.stop());
    this.context.close();
    const type = this.recorder.mimeType;
    const ending = type.includes("mp4") ? "m4a" : type.includes("ogg") ? "ogg" : "webm";
    const file = new File(this.pieces, `${recordingName("recording")}.${ending}`, { type });
    this.dispatchEvent(new CustomEvent("stopped", { detail: { file } }));
  }
}

/** A name for what is recorded now. */
export function recordingName(kind) {
  const date = new Date();
  const two = (number) => String(number).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${kind} ${day} ${two(date.getHours())}.${two(date.getMinutes())}.${two(date.getSeconds())}`;
}

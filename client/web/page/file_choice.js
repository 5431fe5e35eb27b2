// Files chosen for the next start: dropped, picked or recorded.

import { RecorderPanel } from "./recorder_panel.js";
import { bytes } from "./upload.js";

const ACCEPTED = "audio/*,video/mp4,video/webm,.wav,.mp3,.flac,.ogg,.oga,.opus,.m4a,.mp4,.webm,.aac,.aiff";

/** Events: `changed`, when other files are chosen. */
export class FileChoice extends EventTarget {
  constructor() {
    super();
    this.files = [];
    this.most_bytes = Infinity; // until the service has told
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
      element("div", { class: "row center" }, choose, this.recorder.root),
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

  /** What is larger than the service takes is left out, and told, before any of it is sent. */
  add(files, isRecorded = false) {
    const tooLarge = files.filter((file) => file.size > this.most_bytes);
    const fitting = files.filter((file) => !tooLarge.includes(file));
    const told = tooLarge.map(({ name, size }) => `${name} has ${bytes(size)}, the service takes up to ${bytes(this.most_bytes)}.`);
    this.refused.textContent = visible(told.join(" "));
    this.files = [...this.files, ...fitting.map((file) => ({ file, isRecorded }))];
    this.#changed();
  }

  clear() {
    this.files = [];
    this.#changed();
  }

  /** Whether something would be lost with the page: a recording that was not sent. */
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
    const leave = element("button", { type: "button", class: "plain", "aria-label": `Leave ${file.name} out` }, "×");
    leave.addEventListener("click", () => {
      this.files = this.files.filter((other) => other !== each);
      this.#changed();
    });
    const listen = isRecorded ? [element("audio", { controls: true, src: URL.createObjectURL(file), "aria-label": `Listen to ${file.name}` })] : [];
    return element("li", {}, element("span", { class: "name" }, element("bdi", {}, file.name)), element("span", { class: "soft" }, bytes(file.size)), ...listen, leave);
  }

  destroy() {
    for (const name of ["dragover", "dragleave", "drop"]) document.removeEventListener(name, this.over);
    this.recorder.destroy();
    this.files = [];
    this.#changed();
  }
}

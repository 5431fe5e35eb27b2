// Where everything begins: a recording, the options for it, and the earlier recordings.

import { element } from "../../viewer/dom.js";
import { fileSize, longTime } from "../../viewer/format.js";
import { checkHealth, loadLimits } from "./api.js";
import { FileChoice } from "./file_choice.js";
import { showBanner } from "./frame.js";
import { RecordingList } from "./recordings.js";

const MOST_SPEAKERS = 100; // the gateway's limit
const PLACE = "diarization-options"; // the last choice, in localStorage
const HEALTH_MS = 5000;

export class StartPage {
  /** `lost`: names of files whose upload was lost with the page before. */
  constructor(root, uploads, lost) {
    this.uploads = uploads;
    this.choice = new FileChoice();
    this.options = new OptionsForm();
    this.list = new RecordingList(uploads);
    this.start = element("button", { type: "button", class: "primary wide", disabled: true }, "Start");
    this.start.addEventListener("click", () => this.#begin());
    this.kept = element("p", { class: "soft" });
    this.choice.addEventListener("changed", () => this.#chosen());
    const asked = element("section", { class: "card", "aria-label": "Options" }, this.options.root, element("div", { class: "row spread" }, this.kept, this.start));
    this.options.root.addEventListener("change", () => this.#chosen());
    root.replaceChildren(...lostNotice(lost), element("section", { class: "card", "aria-label": "Recording" }, this.choice.root), asked, this.list.root);
    this.#showLimits();
    this.#watchHealth();
  }

  #chosen() {
    const n = this.choice.files.length;
    this.start.textContent = n > 1 ? `Start all ${n}` : "Start";
    this.start.disabled = n === 0 || this.options.wrong !== "";
    this.start.classList.toggle("ready", !this.start.disabled);
  }

  /** A single recording gets its own page, several are shown in the list. */
  #begin() {
    const files = this.choice.files.map(({ file }) => file);
    const [first] = this.uploads.add(files, this.options.fields);
    const isAlone = this.uploads.open.length === 1;
    this.choice.clear();
    if (isAlone) {
      this.uploads.watched = first;
      location.hash = "upload";
    } else this.list.root.scrollIntoView({ block: "start" });
  }

  async #showLimits() {
    try {
      const { most_upload_bytes, keep_s } = await loadLimits();
      this.choice.most_bytes = most_upload_bytes;
      const longest = `up to ${fileSize(most_upload_bytes)}`;
      this.choice.note.textContent = `wav, mp3, flac, ogg, m4a, mp4 or webm, ${longest}; one or several`;
      this.kept.textContent = `A recording and its result are kept for ${longTime(keep_s)} after it is done, and can be seen only in this browser.`;
    } catch {
      // the banner says that the service is unavailable
    }
  }

  /** Show a banner until the diarization server is ready. */
  async #watchHealth() {
    const isReady = await checkHealth().then(
      () => true,
      () => false,
    );
    if (this.ended) return;
    showBanner(isReady ? "" : "The diarization server is not ready. Recordings can be sent; they wait until it is.");
    if (!isReady) this.timer = setTimeout(() => this.#watchHealth(), HEALTH_MS);
  }

  get isPrecious() {
    return this.choice.isPrecious;
  }

  destroy() {
    this.ended = true;
    clearTimeout(this.timer);
    showBanner("");
    this.choice.destroy();
    this.list.destroy();
  }
}

function lostNotice(names) {
  if (!names.length) return [];
  const which = names.flatMap((name, number) => [number ? ", " : "", element("bdi", {}, name)]);
  const begin = names.length === 1 ? "The upload of " : "The uploads of ";
  return [element("p", { class: "notice", role: "alert" }, begin, ...which, " ended when the page was left, and nothing was kept. Choose the file again.")];
}

/** Number of speakers, mode, channels. */
export class OptionsForm {
  /** `isLive`: only what a live recording takes, the number of speakers. */
  constructor(isLive = false) {
    this.exactly = numberField("Number of speakers", 2);
    this.least = numberField("At least", 2);
    this.most = numberField("At most", 6);
    this.separate = element("input", { type: "checkbox", name: "separate" });
    this.counts = element("div", { class: "counts" });
    this.problem = element("p", { class: "refusal", role: "alert" });
    const [speakers, ...others] = [this.#speakers(), this.#mode(), this.#channels()];
    this.root = element("div", { class: "options" }, speakers, ...(isLive ? [] : others));
    this.root.addEventListener("change", () => this.#changed());
    this.#restore();
    this.#changed();
  }

  #speakers() {
    this.how = choices("how", [["automatic", "Automatic"], ["exactly", "Exactly"], ["range", "Between"]]);
    return fieldset("Speakers", element("div", { class: "segments" }, ...this.how.labels), this.counts, this.problem);
  }

  #mode() {
    this.mode = choices("mode", [
      ["full", "Accurate", "Hears people who talk at the same time, and short replies."],
      ["classic", "Fast", "About twice as fast; one person at a time."],
    ]);
    return fieldset("Mode", element("div", { class: "cards" }, ...this.mode.labels));
  }

  #channels() {
    const text = element("span", {}, "Every channel on its own", element("small", {}, "For calls with one side on the left and one on the right."));
    return fieldset("Stereo", element("label", { class: "choice" }, this.separate, text));
  }

  #changed() {
    this.counts.replaceChildren(...this.numbers.map(({ label }) => label));
    if (!this.numbers.length) this.counts.append(element("small", {}, "As many as are heard."));
    this.problem.textContent = this.wrong;
    const { how, mode, separate } = this;
    keep({ how: how.value, mode: mode.value, separate: separate.checked });
  }

  /** The number fields that belong to the choice. */
  get numbers() {
    return { automatic: [], exactly: [this.exactly], range: [this.least, this.most] }[this.how.value];
  }

  /** What is wrong with the choice, as a sentence; "" if nothing is. */
  get wrong() {
    const value = ({ input }) => Number(input.value);
    const isCount = (each) => Number.isInteger(value(each)) && value(each) >= 1 && value(each) <= MOST_SPEAKERS;
    if (!this.numbers.every(isCount)) return `Speakers: expected whole numbers from 1 to ${MOST_SPEAKERS}.`;
    const isOrdered = this.how.value !== "range" || value(this.least) <= value(this.most);
    return isOrdered ? "" : "Speakers: expected the first number to be the smaller one.";
  }

  /** The number of speakers, as parameters. */
  get speakerCounts() {
    const [exactly, least, most] = [this.exactly, this.least, this.most].map(({ input }) => Number(input.value));
    const range = { min_speakers: least, max_speakers: most };
    return { automatic: {}, exactly: { num_speakers: exactly }, range }[this.how.value];
  }

  /** The fields of the upload's form. */
  get fields() {
    const channels = this.separate.checked ? { channels: "separate" } : {};
    return { mode: this.mode.value, ...this.speakerCounts, ...channels };
  }

  #restore() {
    const { how, mode, separate } = kept();
    this.how.value = how;
    this.mode.value = mode;
    this.separate.checked = separate === true;
  }
}

export function fieldset(legend, ...content) {
  return element("fieldset", {}, element("legend", {}, legend), ...content);
}

function numberField(text, value) {
  const input = element("input", { type: "number", min: 1, max: MOST_SPEAKERS, step: 1, value });
  return { input, label: element("label", { class: "count" }, element("span", {}, text), input) };
}

/** Radio buttons of one name, the first chosen. */
export function choices(name, entries) {
  const inputs = entries.map(([value]) => element("input", { type: "radio", name, value }));
  inputs[0].checked = true;
  const labels = entries.map(([, text, note], index) => {
    const words = element("span", {}, text, ...(note ? [element("small", {}, note)] : []));
    return element("label", { class: "choice" }, inputs[index], words);
  });
  return {
    labels,
    get value() {
      return inputs.find((input) => input.checked).value;
    },
    set value(wanted) {
      const found = inputs.find((input) => input.value === wanted);
      if (found) found.checked = true;
    },
  };
}

function kept() {
  try {
    return JSON.parse(localStorage.getItem(PLACE)) ?? {};
  } catch {
    return {};
  }
}

function keep(choice) {
  try {
    localStorage.setItem(PLACE, JSON.stringify(choice));
  } catch {
    // this browser keeps nothing
  }
}

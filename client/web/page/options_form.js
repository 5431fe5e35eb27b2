// What is asked for: number of speakers, mode, channels.

const MOST_SPEAKERS = 100; // as the gateway has it
const PLACE = "diarization-options"; // the last choice, in localStorage

export class OptionsForm {
  constructor() {
    this.exactly = number("Number of speakers", 2);
    this.least = number("At least", 2);
    this.most = number("At most", 6);
    this.separate = element("input", { type: "checkbox", name: "separate" });
    this.counts = element("div", { class: "counts" });
    this.problem = element("p", { class: "refusal", role: "alert" });
    this.root = element("div", { class: "options" }, this.#speakers(), this.#mode(), this.#channels());
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
    const shown = { automatic: [], exactly: [this.exactly], range: [this.least, this.most] }[this.how.value];
    this.counts.replaceChildren(...shown.map(({ label }) => label));
    if (!shown.length) this.counts.append(element("small", {}, "As many as are heard."));
    this.problem.textContent = this.wrong;
    const { how, mode, separate } = this;
    keep({ how: how.value, mode: mode.value, separate: separate.checked });
  }

  /** What is wrong with the choice, as a sentence; "" where nothing is. */
  get wrong() {
    const value = ({ input }) => Number(input.value);
    const isCount = (each) => Number.isInteger(value(each)) && value(each) >= 1 && value(each) <= MOST_SPEAKERS;
    const asked = { automatic: [], exactly: [this.exactly], range: [this.least, this.most] }[this.how.value];
    if (!asked.every(isCount)) return `Speakers: expected whole numbers from 1 to ${MOST_SPEAKERS}.`;
    const isOrdered = this.how.value !== "range" || value(this.least) <= value(this.most);
    return isOrdered ? "" : "Speakers: expected the first number to be the smaller one.";
  }

  /** The fields of the upload's form. */
  get fields() {
    const counts = {
      automatic: {},
      exactly: { num_speakers: this.exactly.input.value },
      range: { min_speakers: this.least.input.value, max_speakers: this.most.input.value },
    }[this.how.value];
    const channels = this.separate.checked ? { channels: "separate" } : {};
    return { mode: this.mode.value, ...counts, ...channels };
  }

  #restore() {
    const { how, mode, separate } = kept();
    this.how.value = how;
    this.mode.value = mode;
    this.separate.checked = separate === true;
  }
}

function fieldset(legend, ...content) {
  return element("fieldset", {}, element("legend", {}, legend), ...content);
}

function number(text, value) {
  const input = element("input", { type: "number", min: 1, max: MOST_SPEAKERS, step: 1, value });
  return { input, label: element("label", { class: "count" }, element("span", {}, text), input) };
}

/** Radio buttons of one name, the first chosen. */
function choices(name, entries) {
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
    // a browser that keeps nothing
  }
}

// How far one recording is: three steps, a bar, a sentence, and a way to cancel.

const STEPS = ["Upload", "Queue", "Who spoke when"];

export class Steps {
  constructor(name, onCancel) {
    this.list = element("ol", { class: "steps" }, ...STEPS.map((text) => element("li", {}, text)));
    this.bar = element("progress", { max: 1, "aria-label": `Progress of ${name}` });
    this.text = element("p", { class: "progress-text" });
    this.cancel = element("button", { type: "button" }, "Cancel");
    this.cancel.addEventListener("click", onCancel);
    const below = element("div", { class: "progress-row" }, this.text, this.cancel);
    this.root = element("section", { class: "card progress", "aria-label": "Progress" }, this.list, this.bar, below);
  }

  /** `step` from 0; `share` 0 to 1, or null where it is not known; `estimated` marks it as one. */
  show(step, share, text, estimated) {
    [...this.list.children].forEach((each, number) => {
      each.classList.toggle("past", number < step);
      if (number === step) each.setAttribute("aria-current", "step");
      else each.removeAttribute("aria-current");
    });
    if (share === null) this.bar.removeAttribute("value");
    else this.bar.value = share;
    this.bar.classList.toggle("estimated", estimated);
    this.text.textContent = text;
  }
}

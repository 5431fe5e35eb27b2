// The name of every speaker, which can be changed, and whom to merge it with.

import { element } from "../../viewer/dom.js";
import { visible } from "../../viewer/format.js";
import { voiceClass, voices } from "../../viewer/lanes.js";
import { rttmName, speakersOf } from "./turns.js";

export class SpeakersPanel {
  constructor(editor) {
    this.editor = editor;
    this.list = element("ul", { class: "speakers" });
    this.message = element("p", { class: "refusal", role: "alert" });
    this.root = element("section", { class: "card names", "aria-label": "Speakers" }, element("h2", {}, "Speakers"), this.list, this.message);
    editor.addEventListener("refused", ({ detail }) => {
      if (detail.about === "speakers") this.message.textContent = visible(detail.message);
    });
  }

  show() {
    this.message.textContent = "";
    const { turns } = this.editor;
    const colours = voices(turns);
    const names = speakersOf(turns);
    const held = this.list.contains(document.activeElement) ? document.activeElement.dataset : null;
    this.list.replaceChildren(...names.map((name, number) => this.#chip(name, number, colours.get(name), names)));
    this.root.hidden = names.length === 0;
    if (held) this.list.querySelector(`[data-number="${held.number}"][data-what="${held.what}"]`)?.focus();
  }

  #chip(name, number, voice, names) {
    const input = element("input", {
      type: "text", dir: "auto", value: name, maxlength: 100, size: Math.max(name.length, 6), spellcheck: "false", autocomplete: "off",
      "aria-label": `Name of ${name}`, "data-number": number, "data-what": "name",
    });
    input.addEventListener("input", () => (input.size = Math.max(input.value.length, 6)));
    input.addEventListener("change", () => {
      if (!this.editor.rename(name, input.value)) input.value = name;
    });
    input.addEventListener("keydown", (event) => this.#pressed(event, input, name));
    const hint = rttmName(name) === name ? [] : [element("small", { class: "soft" }, "in RTTM ", element("bdi", {}, rttmName(name)))];
    const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
    return element("li", { class: `chip ${voiceClass(voice)}` }, swatch, element("span", { class: "name-field" }, input, ...hint), ...this.#merge(name, number, names));
  }

  /** The other names are added when the list is opened: with many speakers, n lists of n names are slow. */
  #merge(name, number, names) {
    if (names.length === 1) return [];
    const label = `Merge ${name} into another speaker`;
    const select = element(
      "select",
      { "aria-label": label, title: label, "data-number": number, "data-what": "merge" },
      element("option", { value: "" }, "Merge…"),
    );
    const list = () => {
      if (select.length > 1) return;
      const others = names.filter((other) => other !== name);
      select.append(...others.map((other) => element("option", { value: other }, `into ${other}`)));
    };
    for (const event of ["pointerdown", "focus"]) select.addEventListener(event, list);
    select.addEventListener("change", () => this.editor.merge(name, select.value));
    return [select];
  }

  #pressed(event, input, name) {
    if (event.key === "Escape") input.value = name;
    if (event.key === "Enter" || event.key === "Escape") input.blur(); // which applies what was typed
  }
}

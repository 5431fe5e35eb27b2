// Where everything begins: a recording, what is asked of it, and those there were before.

import { health, limits } from "./api.js";
import { FileChoice } from "./file_choice.js";
import { banner } from "./live.js";
import { OptionsForm } from "./options_form.js";
import { RecordingList } from "./recording_list.js";
import { bytes } from "./upload.js";
import { longTime } from "./words.js";

const HEALTH_MS = 5000;

export class StartPage {
  /** `lost` has names of files whose upload ended with the page before. */
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
    this.#tellLimits();
    this.#watchHealth();
  }

  #chosen() {
    const n = this.choice.files.length;
    this.start.textContent = n > 1 ? `Start all ${n}` : "Start";
    this.start.disabled = n === 0 || this.options.wrong !== "";
    this.start.classList.toggle("ready", !this.start.disabled);
  }

  /** One recording is watched on its own page, several in the list. */
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

  async #tellLimits() {
    try {
      const { most_upload_bytes, keep_s } = await limits();
      this.choice.most_bytes = most_upload_bytes;
      const longest = `up to ${bytes(most_upload_bytes)}`;
      this.choice.note.textContent = `wav, mp3, flac, ogg, m4a, mp4 or webm, ${longest}; one or several`;
      this.kept.textContent = `A recording and its result are kept for ${longTime(keep_s)} after it is done, and can be seen in this browser only.`;
    } catch {
      // the banner tells that the service is away
    }
  }

  /** Say that the diarization server is away, until it is there. */
  async #watchHealth() {
    const isReady = await health().then(
      () => true,
      () => false,
    );
    if (this.ended) return;
    banner(isReady ? "" : "The diarization server is not ready. Recordings can be sent, and wait until it is.");
    if (!isReady) this.timer = setTimeout(() => this.#watchHealth(), HEALTH_MS);
  }

  get isPrecious() {
    return this.choice.isPrecious;
  }

  destroy() {
    this.ended = true;
    clearTimeout(this.timer);
    banner("");
    this.choice.destroy();
    this.list.destroy();
  }
}

function lostNotice(names) {
  if (!names.length) return [];
  const which = names.flatMap((name, number) => [number ? ", " : "", element("bdi", {}, name)]);
  const begin = names.length === 1 ? "The upload of " : "The uploads of ";
  return [element("p", { class: "notice", role: "alert" }, begin, ...which, " ended when the page was left, and nothing of it was kept. Choose the file again.")];
}

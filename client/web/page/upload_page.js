// One upload, large; when it has arrived, the job takes over.

import { say } from "./live.js";
import { Steps } from "./steps.js";
import { actions, uploadText } from "./upload_row.js";

const SAID_EVERY = 0.25; // of the file, for screen readers

export class UploadPage {
  constructor(root, uploads) {
    this.uploads = uploads;
    this.upload = uploads.watched;
    this.steps = new Steps(this.upload.file.name, () => this.#cancel());
    this.more = element("div", { class: "row" });
    this.steps.root.append(this.more);
    this.said = 0;
    this.onChange = () => this.#show();
    this.onArrived = ({ detail }) => {
      if (detail.upload === this.upload) location.replace(`#${detail.job.id}`);
    };
    uploads.addEventListener("change", this.onChange);
    uploads.addEventListener("arrived", this.onArrived);
    root.replaceChildren(element("p", { class: "row" }, element("a", { href: "#" }, "← All recordings")), this.steps.root);
    this.#show();
  }

  #show() {
    const { file, sent, state, problem } = this.upload;
    const share = file.size ? sent / file.size : 0;
    this.steps.show(0, share, uploadText(this.upload), false);
    this.steps.cancel.hidden = state === "failed";
    if (state !== this.state) {
      this.more.replaceChildren(...(["failed", "locked"].includes(state) ? actions(this.upload, this.uploads) : []));
      if (problem) say(problem.message);
    }
    this.state = state;
    if (share >= this.said + SAID_EVERY) {
      this.said = Math.floor(share / SAID_EVERY) * SAID_EVERY;
      say(uploadText(this.upload));
    }
    if (!this.uploads.all.includes(this.upload)) location.hash = ""; // dismissed
  }

  #cancel() {
    this.uploads.cancel(this.upload);
    location.hash = "";
  }

  get name() {
    return this.upload.file.name;
  }

  destroy() {
    this.uploads.removeEventListener("change", this.onChange);
    this.uploads.removeEventListener("arrived", this.onArrived);
  }
}

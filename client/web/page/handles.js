// The borders of the chosen turn, to be dragged in its lane, or moved by arrow keys.

const STEP_S = 0.1;
const FINE_STEP_S = 0.01;

export class Handles {
  constructor(editor, timeline) {
    this.editor = editor;
    this.timeline = timeline;
    this.begin = this.#handle("start_s", "Begin of the turn");
    this.end = this.#handle("end_s", "End of the turn");
    this.ghost = element("div", { class: "ghost", hidden: true });
    this.root = element("div", { class: "handles" }, this.ghost, this.begin, this.end);
    timeline.content.append(this.root);
    this.onDrawn = () => this.place();
    timeline.addEventListener("drawn", this.onDrawn);
  }

  #handle(border, label) {
    const handle = element("div", { class: `handle ${border}`, role: "slider", tabindex: 0, "aria-label": label, "aria-valuemin": 0, "aria-valuemax": this.editor.audio_s });
    handle.addEventListener("pointerdown", (event) => this.#grab(event, handle, border));
    handle.addEventListener("keydown", (event) => this.#pressed(event, border));
    handle.addEventListener("click", (event) => event.stopPropagation()); // no seek
    return handle;
  }

  /** Put both where the chosen turn's borders are; nothing to see where none is chosen. */
  place() {
    const { turn } = this.editor;
    const lane = turn ? this.timeline.lanes.findIndex((each) => each.kind === "speaker" && each.label === turn.speaker) : -1;
    this.root.hidden = lane < 0;
    if (lane < 0) return;
    const track = this.timeline.tracks.children[lane];
    this.root.style.top = `${track.offsetTop}px`;
    this.root.style.height = `${track.offsetHeight}px`;
    this.#put(this.begin, turn.start_s);
    this.#put(this.end, turn.end_s);
  }

  #put(handle, time_s) {
    handle.style.left = `${this.timeline.scale.x(time_s)}px`;
    handle.setAttribute("aria-valuenow", time_s);
    handle.setAttribute("aria-valuetext", clock(time_s, 3));
  }

  #grab(event, handle, border) {
    if (event.button) return;
    event.preventDefault();
    handle.focus();
    handle.setPointerCapture(event.pointerId);
    const { turn } = this.editor;
    const shift = event.clientX - handle.getBoundingClientRect().left - handle.offsetWidth / 2;
    let times = turn;
    const move = ({ clientX }) => {
      const x = clientX - shift - this.timeline.content.getBoundingClientRect().left;
      times = { ...turn, [border]: Math.round(this.timeline.scale.time(x) * 1000) / 1000 };
      this.#put(handle, times[border]);
      this.#stretch(times);
    };
    const release = () => {
      for (const [name, each] of Object.entries(listening)) handle.removeEventListener(name, each);
      this.ghost.hidden = true;
      if (times === turn || !this.editor.move(times.start_s, times.end_s)) this.place();
    };
    const leave = (pressed) => {
      if (pressed.key !== "Escape") return;
      times = turn;
      release();
    };
    const listening = { pointermove: move, pointerup: release, pointercancel: release, keydown: leave };
    for (const [name, each] of Object.entries(listening)) handle.addEventListener(name, each);
  }

  /** Show where the turn would be. */
  #stretch({ start_s, end_s }) {
    const { scale } = this.timeline;
    this.ghost.hidden = end_s <= start_s;
    this.ghost.style.left = `${scale.x(start_s)}px`;
    this.ghost.style.width = `${Math.max(scale.x(end_s - start_s), 0)}px`;
  }

  #pressed(event, border) {
    const sign = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!sign || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const { turn } = this.editor;
    const times = { ...turn, [border]: turn[border] + sign * (event.shiftKey ? FINE_STEP_S : STEP_S) };
    this.editor.move(times.start_s, times.end_s);
  }
}

"use strict";
// Who spoke when, to see and to hear: the only class that pages use.

/**
 * Events, all with the view as target:
 *   turnselected {index, turn}   a turn was chosen, by whom ever; index -1 and no turn: none is
 *   timechanged {time_s}         the player is elsewhere, often while it plays
 *   turnschanged {turns}         setTurns was called
 */
class DiarizationView extends EventTarget {
  /**
   * `root` gets the view instead of what it holds; `view` is a document of the schema
   * "diarization-view/1", see report_page/document.py. Sound is set by `setAudio`.
   */
  constructor(root, view) {
    super();
    this.root = root;
    this.view = view;
    this.selected = -1;
    this.player = new Player(view.audio_s);
    this.timeline = new Timeline(view);
    this.turnList = new TurnList();
    this.#build();
    this.#connect();
    this.setTurns(view.turns);
    this.endKeys = listenToKeys(this);
  }

  #build() {
    const { player, timeline, turnList } = this;
    this.follow = element("input", { type: "checkbox", checked: true });
    const zoom = (iconName, label, factor) => button(iconName, label, () => this.zoomBy(factor));
    this.summary = element("p", { class: "summary" });
    this.statistics = element("section", { class: "statistics card", "aria-label": "Talk time" });
    const tools = [
      button("before", "Turn before", () => this.playTurn(this.neighbour(-1))),
      player.toggleButton,
      button("next", "Next turn", () => this.playTurn(this.neighbour(1))),
      player.elapsed,
      player.slider,
      player.speed,
      element("span", { class: "zoom" }, zoom("minus", "Zoom out", 1 / ZOOM_STEP), zoom("plus", "Zoom in", ZOOM_STEP), zoom("all", "Show all", 0)),
      element("label", { class: "follow" }, this.follow, " follow"),
    ];
    this.root.classList.add("diarization-view");
    this.root.replaceChildren(
      element(
        "section",
        { class: "card listen", "aria-label": "Recording" },
        element("div", { class: "transport" }, ...tools),
        player.audio,
        player.message,
        ...(this.view.doubt ? [element("p", { class: "doubt", role: "note", "aria-label": "Number of speakers" }, this.view.doubt)] : []),
        timeline.root,
        this.summary,
        keyHelp(),
      ),
      element("div", { class: "below" }, this.statistics, element("section", { class: "card", "aria-label": "Turns" }, element("h2", {}, "Turns"), turnList.list)),
    );
  }

  #connect() {
    const { player, timeline, turnList } = this;
    player.addEventListener("time", ({ detail: { time_s } }) => {
      timeline.moveTo(time_s, player.isPlaying && this.follow.checked);
      this.#tell("timechanged", { time_s });
    });
    timeline.addEventListener("seek", ({ detail }) => player.seek(detail.time_s));
    timeline.addEventListener("turn", ({ detail }) => this.playTurn(detail.index));
    turnList.addEventListener("choose", ({ detail: { index, play } }) => {
      if (play) this.playTurn(index);
      else this.selectTurn(index);
    });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /**
   * Show other turns: [{start_s, end_s, speaker, confidence, ...}], and choose the one at
   * `selected` of these. They are kept in order of begin, zoom and place stay; so do the errors,
   * which are the document's.
   */
  setTurns(turns, selected = -1) {
    const chosen = turns[selected];
    const ordered = [...turns].sort((a, b) => a.start_s - b.start_s || a.end_s - b.end_s);
    this.turns = ordered.map((turn) => ({ ...turn }));
    this.selected = -1;
    this.timeline.selected = -1;
    this.timeline.show(lanesOf(this.view, this.turns), this.turns);
    this.turnList.show(this.turns);
    const content = this.turns.length
      ? statisticsTable(this.turns)
      : element("p", { class: "no-speech" }, "No speech found.");
    this.statistics.replaceChildren(element("h2", {}, "Talk time"), content);
    this.summary.replaceChildren(...scoreTexts(this.view.score));
    this.#tell("turnschanged", { turns: this.turns });
    this.selectTurn(ordered.indexOf(chosen));
  }

  /** Give it its sound: a URL, of a blob or of a server that answers ranges. */
  setAudio(url) {
    this.player.load(url);
  }

  get time_s() {
    return this.player.time_s;
  }

  seek(time_s) {
    this.player.seek(time_s);
    this.timeline.reveal(this.time_s);
  }

  toggle() {
    this.player.toggle();
  }

  /** Choose a turn by its number in `turns`, -1 for none; the player goes to its begin if it may. */
  selectTurn(index, seeks = true) {
    const turn = this.turns[index];
    this.selected = turn ? index : -1;
    this.timeline.select(this.selected);
    this.turnList.select(this.selected);
    if (turn && seeks && !(this.time_s >= turn.start_s && this.time_s < turn.end_s && this.player.isPlaying)) this.seek(turn.start_s);
    this.#tell("turnselected", { index: this.selected, turn });
  }

  /** Choose a turn and play it, to its end. */
  playTurn(index) {
    if (!this.turns[index]) return;
    this.player.pause();
    this.selectTurn(index);
    this.player.play(this.turns[index].start_s, this.turns[index].end_s);
  }

  /** The turn before (-1) or after (1) the chosen one; without one, of where the player is. */
  neighbour(step) {
    if (this.selected >= 0) {
      return Math.min(Math.max(this.selected + step, 0), this.turns.length - 1);
    }
    const after = this.turns.findIndex((turn) => turn.start_s >= this.time_s);
    const next = after < 0 ? this.turns.length : after;
    return Math.min(Math.max(step > 0 ? next : next - 1, 0), this.turns.length - 1);
  }

  /** Zoom in by a factor above 1, out by one below; 0 shows all. */
  zoomBy(factor) {
    this.timeline.zoomBy(factor);
  }

  /** Stop, and leave the root empty. */
  destroy() {
    this.endKeys();
    this.player.destroy();
    this.timeline.destroy();
    this.root.replaceChildren();
  }
}

function scoreTexts(score) {
  if (!score) return [];
  const { reference_s, missed_s, false_alarm_s, confusion_s } = score;
  const parts = `missed ${duration(missed_s)}, false alarm ${duration(false_alarm_s)}, confusion ${duration(confusion_s)}`;
  const of = `of ${duration(reference_s)} of speech, over the whole recording, no collar`;
  if (!reference_s) return [`Errors: ${parts} ${of}.`];
  const rate = (100 * (missed_s + false_alarm_s + confusion_s)) / reference_s;
  return [element("strong", {}, `DER ${rate.toFixed(1)} %`), `: ${parts} ${of}.`];
}

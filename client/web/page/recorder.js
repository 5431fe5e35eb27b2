// Records with the microphone.

const TYPES = ["audio/webm;codecs=opus", "audio/webm", "audio/mp4", "audio/ogg;codecs=opus"];
const PIECE_MS = 1000;
const REFUSALS = {
  NotAllowedError: "The microphone may not be used: allow it in the browser's settings of this page.",
  NotFoundError: "There is no microphone.",
  NotReadableError: "The microphone is in use by another program.",
};

/** Events: `stopped` {file}. */
export class Recorder extends EventTarget {
  /** Begin to record; an Error with a sentence for people where that cannot be. */
  async start() {
    if (!navigator.mediaDevices?.getUserMedia || !globalThis.MediaRecorder) {
      throw new Error("This browser records only on pages by https or on this machine itself.");
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (error) {
      throw new Error(REFUSALS[error.name] ?? `The microphone cannot be used: ${error.message}`);
    }
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    this.pieces = [];
    this.recorder = new MediaRecorder(this.stream, mimeType ? { mimeType } : {});
    this.recorder.addEventListener("dataavailable", ({ data }) => data.size && this.pieces.push(data));
    this.recorder.addEventListener("stop", () => this.#finish());
    this.recorder.start(PIECE_MS);
    this.begun_ms = performance.now();
    this.#listen();
  }

  stop() {
    if (this.recorder?.state === "recording") this.recorder.stop();
  }

  get length_s() {
    return (performance.now() - this.begun_ms) / 1000;
  }

  /** How loud it is now, 0 to 1. */
  get level() {
    this.analyser.getFloatTimeDomainData(this.samples);
    return Math.min(this.samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0), 1);
  }

  #listen() {
    this.context = new AudioContext();
    this.analyser = this.context.createAnalyser();
    this.samples = new Float32Array(this.analyser.fftSize);
    this.context.createMediaStreamSource(this.stream).connect(this.analyser);
  }

  #finish() {
    this.stream.getTracks().forEach((track) => track.stop());
    this.context.close();
    const type = this.recorder.mimeType;
    const ending = type.includes("mp4") ? "m4a" : type.includes("ogg") ? "ogg" : "webm";
    const file = new File(this.pieces, `recording ${timeOfDay(new Date())}.${ending}`, { type });
    this.dispatchEvent(new CustomEvent("stopped", { detail: { file } }));
  }
}

function timeOfDay(date) {
  const two = (number) => String(number).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}.${two(date.getMinutes())}.${two(date.getSeconds())}`;
}

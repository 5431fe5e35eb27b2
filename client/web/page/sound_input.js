// Sound from the microphone, or from a shared tab or screen.

const RATE_HZ = 16000; // that of the diarization
const FLUSH_MS = 1000;
const INSECURE = "This browser records only on pages by https or on this machine itself.";
const REFUSALS = {
  NotAllowedError: "The microphone may not be used: allow it in the browser's settings of this page.",
  NotFoundError: "There is no microphone.",
  NotReadableError: "The microphone is in use by another program.",
};

/** Ask for the microphone. Throws an Error whose message is a sentence for the user; so does `openShared`. */
export async function openMicrophone() {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error(INSECURE);
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch (error) {
    throw new Error(REFUSALS[error.name] ?? `The microphone cannot be used: ${error.message}`, { cause: error });
  }
}

/** Whether tabs or screens can be shared at all: phones share none. */
export function canShare() {
  return Boolean(navigator.mediaDevices?.getDisplayMedia);
}

/** Ask for a tab or screen, and its sound. */
export async function openShared() {
  let stream;
  try {
    stream = await navigator.mediaDevices.getDisplayMedia({ video: true, audio: true });
  } catch (error) {
    const refused = error.name === "NotAllowedError";
    throw new Error(refused ? "No tab or screen was shared." : `Nothing can be shared: ${error.message}`, { cause: error });
  }
  if (stream.getAudioTracks().length) return stream;
  stream.getTracks().forEach((track) => track.stop());
  throw new Error("It was shared without its sound: start again, and let the browser share the sound too.");
}

/** How loud a source is. */
export class Level {
  constructor(context, source) {
    this.analyser = context.createAnalyser();
    this.samples = new Float32Array(this.analyser.fftSize);
    source.connect(this.analyser);
  }

  /** From 0 to 1. */
  get value() {
    this.analyser.getFloatTimeDomainData(this.samples);
    return Math.min(this.samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0), 1);
  }
}

/**
 * Samples of one channel, 16 bits. Events: `samples` {samples}, an Int16Array of half a second or the rest;
 * `ended`, when the device or what was shared is gone.
 */
export class PcmInput extends EventTarget {
  constructor(stream) {
    super();
    this.stream = stream;
    try {
      this.#connect({ sampleRate: RATE_HZ });
    } catch {
      this.#connect({}); // Firefox resamples no microphone: the service does
    }
    this.rate_hz = this.context.sampleRate;
    this.level = new Level(this.context, this.source);
    stream.getAudioTracks()[0].addEventListener("ended", () => this.dispatchEvent(new CustomEvent("ended")));
  }

  #connect(options) {
    this.context = new AudioContext(options);
    try {
      this.source = this.context.createMediaStreamSource(this.stream);
    } catch (error) {
      this.context.close();
      throw error;
    }
  }

  /** Begin to emit samples. */
  async start() {
    await this.context.audioWorklet.addModule(new URL("pcm_worklet.js", import.meta.url));
    this.node = new AudioWorkletNode(this.context, "pcm", { channelCount: 1, channelCountMode: "explicit" });
    this.node.port.addEventListener("message", ({ data }) => {
      if (data.length) this.dispatchEvent(new CustomEvent("samples", { detail: { samples: data } }));
      this.flushed?.();
    });
    this.node.port.start();
    this.source.connect(this.node).connect(this.context.destination); // silence: it writes no output
    await this.context.resume();
  }

  /** Emit what is left, and release the device. */
  async stop() {
    if (this.node && this.context.state === "running") {
      const flushed = new Promise((resolve) => (this.flushed = resolve));
      this.node.port.postMessage("flush");
      await Promise.race([flushed, new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
    }
    this.stream.getTracks().forEach((track) => track.stop());
    if (this.context.state !== "closed") await this.context.close();
  }
}

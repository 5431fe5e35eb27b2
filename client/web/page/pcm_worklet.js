// In the browser's audio thread: sound becomes 16-bit samples, posted half a second at a time.

class PcmProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Int16Array(sampleRate / 2);
    this.n = 0;
    this.port.addEventListener("message", () => this.#post()); // the last part, perhaps empty
    this.port.start();
  }

  process([[channel]]) {
    for (const sample of channel ?? []) {
      this.block[this.n++] = Math.min(Math.max(Math.round(sample * 32768), -32768), 32767);
      if (this.n === this.block.length) this.#post();
    }
    return true;
  }

  #post() {
    this.port.postMessage(this.block.slice(0, this.n));
    this.n = 0;
  }
}

registerProcessor("pcm", PcmProcessor);

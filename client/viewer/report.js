// Starts the viewer in a report, which carries its document and its sound.

import { themeButton } from "./dom.js";
import { clock } from "./format.js";
import { DiarizationView } from "./viewer.js";
import { bytesOf } from "./waveform.js";

const view = JSON.parse(document.getElementById("document").textContent);
const shown = new DiarizationView(document.getElementById("view"), view);
const sound = document.getElementById("sound");
const bytes = bytesOf(sound.textContent.trim());
if (bytes.length) {
  shown.setAudio(URL.createObjectURL(new Blob([bytes], { type: sound.dataset.mediaType })));
} else if (view.audio_s) {
  shown.player.message.textContent = "The recording is too long to be part of this page.";
}
document.querySelector("header").append(themeButton());
const facts = [clock(view.audio_s, 0), view.mode && `mode ${view.mode}`];
document.getElementById("facts").textContent = facts.filter(Boolean).join(" · ");

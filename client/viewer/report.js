"use strict";
// Starts the viewer in a report, whose document and sound lie in the page.

{
  const sound = document.getElementById("sound");
  const bytes = bytesOf(sound.textContent.trim());
  const view = JSON.parse(document.getElementById("document").textContent);
  const shown = new DiarizationView(document.getElementById("view"), view);
  if (bytes.length) {
    shown.setAudio(URL.createObjectURL(new Blob([bytes], { type: sound.dataset.mediaType })));
  } else if (view.audio_s) {
    shown.player.message.textContent = "The recording is too long to be part of this page.";
  }
  globalThis.diarizationView = shown; // for whoever wants to drive it from the console
  document.querySelector("header").append(themeButton());
  const facts = [clock(view.audio_s, 0), view.mode && `mode ${view.mode}`];
  document.getElementById("facts").textContent = facts.filter(Boolean).join(" · ");
}

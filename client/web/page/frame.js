// What surrounds every part of the page, see frame.html: title, banner, announcements, colours.

import { element, themeButton } from "../../viewer/dom.js";
import { visible } from "../../viewer/format.js";

const THEME = "diarization-theme"; // in localStorage, once the button was pressed

/** Name the page after what it shows; `facts` is the line below. */
export function setTitle(title, name, facts = "") {
  document.title = visible(title);
  document.getElementById("title").replaceChildren(element("bdi", {}, name));
  document.getElementById("facts").textContent = facts;
}

/** Announce something to screen readers. */
export function announce(text) {
  setText(document.getElementById("live"), text);
}

/** Show a sentence above the page until another one is shown; "" for none. */
export function showBanner(text) {
  const banner = document.getElementById("banner");
  setText(banner, text);
  banner.hidden = !text;
}

/** Change a text only if it differs, because screen readers read every change. */
function setText(place, text) {
  if (place.textContent !== visible(text)) place.textContent = visible(text);
}

/** The way back to the start page. */
export function backLink(classes = "") {
  return element("a", { href: "#", class: classes || null }, "← All recordings");
}

/** Add the button for dark colours, and keep what it chose. */
export function addTheme() {
  const kept = localStorage.getItem(THEME);
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
  document.addEventListener("themechanged", () => localStorage.setItem(THEME, document.documentElement.dataset.theme));
  document.querySelector("header").append(themeButton());
}

"use strict";
// Icons of buttons, drawn here: fonts lack some signs.

const ICON_PATHS = {
  play: "M7 4.5v15l12-7.5z",
  pause: "M7 5h3.5v14H7zM13.5 5H17v14h-3.5z",
  before: "M6 5h2.5v14H6zM19 5v14L9.5 12z",
  next: "M15.5 5H18v14h-2.5zM5 5l9.5 7L5 19z",
  minus: "M5 11h14v2H5z",
  plus: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z",
  all: "M3 12l5-5v4h8V7l5 5-5 5v-4H8v4z",
  theme: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 2v14a7 7 0 0 1 0-14z",
};

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(space, "path"));
  svg.firstChild.setAttribute("d", ICON_PATHS[name]);
  return svg;
}

/** A button of an icon; `label` is its name, and shown where the pointer rests. */
function button(iconName, label, onClick) {
  const made = element("button", { type: "button", "aria-label": label, title: label }, icon(iconName));
  made.addEventListener("click", onClick);
  return made;
}

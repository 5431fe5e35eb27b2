// Elements, icons and buttons. Texts from outside enter as text nodes and attributes only; names of people
// and files are in `bdi`, so that right-to-left letters do not reorder what surrounds them.

import { visible } from "./format.js";

/** Make an element: `attributes` by name, `children` elements or texts. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      const isRead = name === "title" || name === "aria-label";
      made.setAttribute(name, value === true ? "" : isRead ? visible(value) : value);
    }
  }
  made.append(...children.map((child) => (typeof child === "string" ? visible(child) : child)));
  return made;
}

// Drawn here, because fonts lack some of these signs.
const ICON_PATHS = {
  play: "M7 4.5v15l12-7.5z",
  pause: "M7 5h3.5v14H7zM13.5 5H17v14h-3.5z",
  before: "M6 5h2.5v14H6zM19 5v14L9.5 12z",
  next: "M15.5 5H18v14h-2.5zM5 5l9.5 7L5 19z",
  minus: "M5 11h14v2H5z",
  plus: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z",
  all: "M3 12l5-5v4h8V7l5 5-5 5v-4H8v4z",
  undo: "M9.5 4v4.5H14a6 6 0 0 1 0 12H8v-2.5h6a3.5 3.5 0 0 0 0-7H9.5v4.5L3 9.75z",
  redo: "M14.5 4v4.5H10a6 6 0 0 0 0 12h6v-2.5h-6a3.5 3.5 0 0 1 0-7h4.5v4.5L21 9.75z",
  here: "M11 3h2v8.5l3-3 1.5 1.5L12 15.5 6.5 10 8 8.5l3 3zM5 18h14v2.5H5z",
  theme: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 2v14a7 7 0 0 1 0-14z",
};

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(space, "path"));
  svg.firstChild.setAttribute("d", ICON_PATHS[name]);
  return svg;
}

/** Make a button with an icon; `label` is its name and its tooltip. */
export function button(iconName, label, onClick) {
  const made = element("button", { type: "button", "aria-label": label, title: label }, icon(iconName));
  made.addEventListener("click", onClick);
  return made;
}

/** Make a button that turns the page dark or light; until it is pressed, the system decides. */
export function themeButton() {
  const darkness = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (darkness.matches ? "dark" : "light")) === "dark";
  const made = button("theme", "Dark colours", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    made.setAttribute("aria-pressed", String(isDark()));
    document.dispatchEvent(new CustomEvent("themechanged"));
  });
  made.classList.add("theme");
  made.setAttribute("aria-pressed", String(isDark()));
  return made;
}

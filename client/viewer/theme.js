"use strict";
// A button that turns the page dark or light; until it is pressed, the system decides.

function themeButton() {
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

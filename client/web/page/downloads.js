// The result in every format, as it is corrected.

import { reportOf, resultOf } from "./api.js";

const FORMATS = [
  ["rttm", "RTTM", "for scoring and other tools; names without blanks"],
  ["json", "JSON", "for programs"],
  ["srt", "SRT", "subtitles"],
  ["vtt", "WebVTT", "subtitles in web pages"],
  ["textgrid", "TextGrid", "Praat"],
  ["audacity", "Audacity", "label track"],
  ["csv", "CSV", "table for spreadsheets"],
  ["uem", "UEM", "which part was looked at"],
];

/** A menu of links; `ready()` comes true when all corrections are saved. */
export function downloadMenu(id, ready) {
  const link = (href, name, note) => {
    const made = element("a", { href, download: "" }, name, element("small", {}, note));
    made.addEventListener("click", (event) => {
      if (made.dataset.ready) return;
      event.preventDefault();
      ready().then((isReady) => isReady && go(made));
    });
    return element("li", {}, made);
  };
  const links = FORMATS.map(([token, name, note]) => link(resultOf(id, token), name, note));
  links.push(link(reportOf(id), "Report", "one page with the sound, for any browser"));
  const menu = element("details", { class: "menu" }, element("summary", { class: "button" }, "Download"), element("ul", {}, ...links));
  menu.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  menu.addEventListener("focusout", ({ relatedTarget }) => {
    if (!menu.contains(relatedTarget)) menu.open = false;
  });
  return menu;
}

function go(link) {
  link.dataset.ready = "true";
  link.click();
  delete link.dataset.ready;
  link.closest("details").open = false;
}

// Talk time per speaker, counted again after every correction.

import { element } from "./dom.js";
import { clock, percent, seconds } from "./format.js";
import { changesOf, voiceClass, voices } from "./lanes.js";

/** One row per speaker, by first appearance; times in seconds, shares 0 to 1. */
export function speakerStatistics(turns) {
  const rows = new Map();
  for (const { speaker, start_s, end_s } of turns) {
    if (!rows.has(speaker)) {
      rows.set(speaker, { speaker, n_turns: 0, talk_s: 0, sum_s: 0, longest_s: 0, overlap_s: 0 });
    }
    const row = rows.get(speaker);
    row.n_turns += 1;
    row.sum_s += end_s - start_s;
    row.longest_s = Math.max(row.longest_s, end_s - start_s);
  }
  addTalkTimes(rows, turns);
  const all_s = [...rows.values()].reduce((sum, row) => sum + row.talk_s, 0);
  return [...rows.values()].map((row) => ({
    ...row,
    share: all_s ? row.talk_s / all_s : 0,
    mean_s: row.sum_s / row.n_turns,
    overlap_share: row.talk_s ? row.overlap_s / row.talk_s : 0,
  }));
}

/**
 * Add to each row the time in which its speaker talks, and the part in which someone else talks too: the
 * growth of the recording's overlap meanwhile, so the work does not grow with the number at once.
 */
function addTalkTimes(rows, turns) {
  const open = new Map(); // {n, start_s, several_s} of those who talk
  let several_s = 0;
  let reached_s = 0;
  for (const { time_s, step, speaker } of changesOf(turns)) {
    if (open.size > 1) several_s += time_s - reached_s;
    reached_s = time_s;
    if (!open.has(speaker)) open.set(speaker, { n: 0, start_s: time_s, several_s });
    const begun = open.get(speaker);
    begun.n += step;
    if (begun.n) continue;
    rows.get(speaker).talk_s += time_s - begun.start_s;
    rows.get(speaker).overlap_s += several_s - begun.several_s;
    open.delete(speaker);
  }
}

const STATISTICS_COLUMNS = [
  ["Turns", (row) => String(row.n_turns)],
  ["Talk time", (row) => clock(row.talk_s)],
  ["Share", (row) => percent(row.share)],
  ["Mean turn", (row) => seconds(row.mean_s)],
  ["Longest turn", (row) => seconds(row.longest_s)],
  ["Overlapped", (row) => percent(row.overlap_share)],
];

export function statisticsTable(turns) {
  const colours = voices(turns);
  const headings = ["Speaker", ...STATISTICS_COLUMNS.map(([heading]) => heading)];
  const head = element("tr", {}, ...headings.map((text) => element("th", { scope: "col" }, text)));
  const rows = speakerStatistics(turns).map((row) => statisticsRow(row, colours.get(row.speaker)));
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  return element("div", { class: "table-room", tabindex: 0, role: "region", "aria-label": "Talk time" }, table);
}

function statisticsRow(row, voice) {
  const name = element("th", { scope: "row" }, element("span", { class: "swatch", "aria-hidden": "true" }), element("bdi", {}, row.speaker));
  const cells = STATISTICS_COLUMNS.map(([heading, text]) => {
    const cell = element("td", {}, text(row));
    if (heading === "Share") cell.prepend(shareBar(row.share));
    return cell;
  });
  return element("tr", { class: voiceClass(voice) }, name, ...cells);
}

function shareBar(share) {
  const bar = element("span", { class: "bar", "aria-hidden": "true" }, element("span", {}));
  bar.firstChild.style.width = `${100 * share}%`;
  return bar;
}

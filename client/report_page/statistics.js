"use strict";
// Talk time per speaker, counted as report_page/statistics.py does.

/** One row per speaker, by first appearance; times in seconds, shares 0 to 1. */
function speakerStatistics(turns) {
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
  for (const { length_s, talking } of stretchesOf(turns)) {
    for (const name of talking) {
      rows.get(name).talk_s += length_s;
      if (talking.length > 1) rows.get(name).overlap_s += length_s;
    }
  }
  const all_s = [...rows.values()].reduce((sum, row) => sum + row.talk_s, 0);
  return [...rows.values()].map((row) => ({
    ...row,
    share: all_s ? row.talk_s / all_s : 0,
    mean_s: row.sum_s / row.n_turns,
    overlap_share: row.talk_s ? row.overlap_s / row.talk_s : 0,
  }));
}

/** Stretches within which the same people talk: {length_s, talking}. */
function stretchesOf(turns) {
  const changes = turns.flatMap(({ speaker, start_s, end_s }) => [
    { time_s: start_s, step: 1, speaker },
    { time_s: end_s, step: -1, speaker },
  ]);
  changes.sort((a, b) => a.time_s - b.time_s);
  const open = new Map();
  const found = [];
  let reached_s = 0;
  for (const { time_s, step, speaker } of changes) {
    const talking = [...open].filter(([, n]) => n > 0).map(([name]) => name);
    if (time_s > reached_s && talking.length) found.push({ length_s: time_s - reached_s, talking });
    reached_s = time_s;
    open.set(speaker, (open.get(speaker) ?? 0) + step);
  }
  return found;
}

const STATISTICS_COLUMNS = [
  ["Turns", (row) => String(row.n_turns)],
  ["Talk time", (row) => clock(row.talk_s)],
  ["Share", (row) => percent(row.share)],
  ["Mean turn", (row) => seconds(row.mean_s)],
  ["Longest turn", (row) => seconds(row.longest_s)],
  ["Overlapped", (row) => percent(row.overlap_share)],
];

function statisticsTable(turns) {
  const colours = voices(turns);
  const headings = ["Speaker", ...STATISTICS_COLUMNS.map(([heading]) => heading)];
  const head = element("tr", {}, ...headings.map((text) => element("th", { scope: "col" }, text)));
  const rows = speakerStatistics(turns).map((row) => statisticsRow(row, colours.get(row.speaker)));
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  return element("div", { class: "table-room", tabindex: 0, role: "region", "aria-label": "Talk time" }, table);
}

function statisticsRow(row, voice) {
  const name = element("th", { scope: "row" }, element("span", { class: "swatch", "aria-hidden": "true" }), row.speaker);
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

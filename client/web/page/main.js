// The page: its address says which part is shown, `#` and a job's id, `#upload`, or nothing.
// What stands after `#` is never sent anywhere: the id of a job is the only key to it.

import { JobPage } from "./job_page.js";
import { remember } from "./recordings.js";
import { StartPage } from "./start_page.js";
import { UploadPage } from "./upload_page.js";
import { lostUploads, Uploads } from "./uploads.js";

const TITLE = "Who spoke when";
const WELCOME = "See and hear who speaks when in a recording, name the voices, correct it, download it.";
const THEME = "diarization-theme"; // in localStorage, once the button was pressed

const root = document.getElementById("main");
const uploads = new Uploads();
let lost = lostUploads();
let shown = null;

function entitle({ name, facts }) {
  document.title = name === TITLE ? TITLE : `${visible(name)}: who spoke when`;
  document.getElementById("title").replaceChildren(element("bdi", {}, name));
  document.getElementById("facts").textContent = facts;
}

function show() {
  const place = location.hash.slice(1);
  shown?.destroy();
  root.className = "";
  const { watched } = uploads;
  if (place === "upload" && watched?.state === "arrived") {
    shown = null; // it was faster than this page
    location.replace(`#${watched.job.id}`);
  } else if (place === "upload" && uploads.needsCare(watched)) {
    shown = new UploadPage(root, uploads);
    entitle({ name: shown.name, facts: "" });
  } else if (place && place !== "upload") {
    shown = new JobPage(root, place, entitle);
  } else {
    if (place) history.replaceState(null, "", "#");
    root.className = "start";
    entitle({ name: TITLE, facts: WELCOME });
    shown = new StartPage(root, uploads, lost);
    lost = [];
  }
  scrollTo(0, 0);
}

uploads.addEventListener("arrived", ({ detail: { upload, job } }) => remember(job.id, upload.file.name));

addEventListener("hashchange", show);
addEventListener("beforeunload", (event) => {
  if (uploads.open.length || shown?.isPrecious) event.preventDefault(); // the browser asks
});

function restoreTheme() {
  const kept = localStorage.getItem(THEME);
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
  document.addEventListener("themechanged", () => localStorage.setItem(THEME, document.documentElement.dataset.theme));
}

restoreTheme();
document.querySelector("header").append(themeButton());
show();

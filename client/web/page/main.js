// The page: its address says which part is shown: `#` and a job's id, `#upload`, `#live`, or nothing.
// What follows `#` is never sent to a server: the id of a job is the only key to it.

import { addTheme, setTitle } from "./frame.js";
import { JobPage, UploadPage } from "./job_page.js";
import { LivePage } from "./live_page.js";
import { remember } from "./recordings.js";
import { StartPage } from "./start_page.js";
import { lostUploads, Uploads } from "./uploads.js";

const TITLE = "Who spoke when";
const WELCOME_LIVE = "See who speaks while they speak, and name them. At the end you get the result of the whole recording.";
const WELCOME = "See and hear who spoke when, name the speakers, correct the turns, download the result.";

const root = document.getElementById("main");
const uploads = new Uploads();
let lost = lostUploads();
let shown = null;

function showRecording({ name, facts }) {
  setTitle(`${name}: who spoke when`, name, facts);
}

function show() {
  const place = location.hash.slice(1);
  shown?.destroy();
  root.className = "";
  const { watched } = uploads;
  if (place === "upload" && watched?.state === "arrived") {
    shown = null; // it arrived before this page could be shown
    location.replace(`#${watched.job.id}`);
  } else if (place === "upload" && uploads.needsCare(watched)) {
    shown = new UploadPage(root, uploads);
    showRecording({ name: shown.name });
  } else if (place === "live") {
    setTitle("Live: who spoke when", "Live", WELCOME_LIVE);
    shown = new LivePage(root);
  } else if (place && place !== "upload") {
    shown = new JobPage(root, place, showRecording);
  } else {
    if (place) history.replaceState(null, "", "#");
    root.className = "start";
    setTitle(TITLE, TITLE, WELCOME);
    shown = new StartPage(root, uploads, lost);
    lost = [];
  }
  scrollTo(0, 0);
}

uploads.addEventListener("arrived", ({ detail: { upload, job } }) => remember(job.id, upload.file.name));

addEventListener("hashchange", () => {
  if (shown instanceof LivePage && !shown.mayLeave()) history.replaceState(null, "", "#live");
  else show();
});
addEventListener("beforeunload", (event) => {
  if (uploads.open.length || shown?.isPrecious) event.preventDefault(); // the browser asks
});

addTheme();
show();

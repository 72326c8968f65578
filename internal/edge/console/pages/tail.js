// The live tail: follows the record by server-sent events, the newest row first. Everything that is shown is set as text.
"use strict";

const box = document.getElementById("tail");
const rows = document.getElementById("tail-rows");
const state = document.getElementById("tail-state");
const count = document.getElementById("tail-count");
const pause = document.getElementById("tail-pause");
const clear = document.getElementById("tail-clear");
const pattern = document.getElementById("tail-row");
const keep = Number(box.dataset.keep);
const tones = { allow: "good", admit: "info", refuse: "bad", gap: "warn" };
const retryAfter = 5000;

let source = null;
let last = "";      // the place behind the last line that came
let paused = false;
let held = [];      // rows that came while paused, the oldest first; at most keep
let missed = 0;     // how many came while paused
let fresh = 0;      // rows since the count was said last
let waiting = [];   // rows that the next frame shows

function cut(text, n) {
  const all = Array.from(String(text ?? ""));
  return all.length <= n ? all.join("") : all.slice(0, n - 1).join("") + "…";
}

function code(text) {
  const element = document.createElement("code");
  element.textContent = text;
  return element;
}

function mono(text) {
  const element = document.createElement("span");
  element.className = "mono";
  element.textContent = text;
  return element;
}

function link(to, ...inside) {
  const element = document.createElement("a");
  element.href = to;
  element.append(...inside);
  return element;
}

function rowOf(line) {
  const row = pattern.content.firstElementChild.cloneNode(true);
  const cells = row.children;
  const time = document.createElement("time");
  time.dateTime = line.time ?? "";
  time.textContent = String(line.time ?? "").slice(11, 23);
  cells[0].replaceChildren(line.request_id ? link(box.dataset.requests + "/" + encodeURIComponent(line.request_id), time) : time);
  const badge = cells[1].querySelector(".badge");
  badge.textContent = line.decision ?? "";
  badge.className = "badge " + (tones[line.decision] ?? "plain");
  cells[2].replaceChildren(mono(cut(line.reason, 60)), line.lost ? " " + line.lost + " lines are missing here" : "");
  cells[3].textContent = cut(line.environment, 60) + (line.api ? " / " + cut(line.api, 60) : "");
  cells[4].title = cut(line.method, 20) + " " + cut(line.path, 1000);
  cells[4].replaceChildren(code(cut(line.method, 20) + " " + cut(line.path, 120)));
  cells[5].textContent = line.status || "";
  cells[6].textContent = line.duration_us ? (line.duration_us / 1000).toFixed(1) : "";
  cells[7].replaceChildren(partnerOf(line));
  cells[8].replaceChildren(mono(line.address ?? ""));
  return row;
}

function partnerOf(line) {
  if (!line.partner) return "";
  const name = code(cut(line.partner, 14));
  if (line.proved && box.dataset.partners) return link(box.dataset.partners + "/" + encodeURIComponent(line.partner), name);
  if (line.proved) return name;
  const claimed = document.createElement("i");
  claimed.append(name);
  return claimed;
}

function noteOf(text) {
  const row = document.createElement("tr");
  const cell = document.createElement("td");
  cell.colSpan = 9;
  cell.textContent = text;
  row.append(cell);
  return row;
}

function add(row) {
  if (paused) {
    held.push(row);
    missed++;
    if (held.length > keep) held.shift();
    pause.textContent = "Resume (" + missed + " new)";
    return;
  }
  fresh++;
  if (waiting.push(row) === 1) requestAnimationFrame(show);
  if (waiting.length > keep) waiting.shift();
}

function show() {
  document.getElementById("tail-none")?.remove();
  rows.prepend(...waiting.reverse());
  waiting = [];
  while (rows.children.length > keep) rows.lastElementChild.remove();
}

function say(text) {
  state.textContent = text;
}

function listen() {
  const at = new URL(box.dataset.source, location.href);
  if (last) at.searchParams.set("after", last);
  source = new EventSource(at);
  source.onopen = () => say(paused ? "Paused." : "Following.");
  source.addEventListener("decision", (event) => {
    last = event.lastEventId || last;
    add(rowOf(JSON.parse(event.data).line));
  });
  source.addEventListener("lost", (event) => {
    const n = JSON.parse(event.data).lines;
    add(noteOf(n ? n + " lines came faster than this page took them and are not shown: narrow the filters." : "Lines before this place came while the page was not connected, and are not shown."));
  });
  source.addEventListener("end", (event) => ended(JSON.parse(event.data).reason));
  source.onerror = () => {
    if (source.readyState === EventSource.CONNECTING) return say("The connection was lost. Trying again …");
    refused();
  };
}

function again(text) {
  source.close();
  say(text);
  setTimeout(listen, retryAfter);
}

// A stream that was refused does not say why: whoever is not signed in any more is not shown a page either.
async function refused() {
  source.close();
  let answer = null;
  try {
    answer = await fetch(location.href, { method: "HEAD", redirect: "manual", cache: "no-store" });
  } catch {
    return again("The server does not answer. Trying again …");
  }
  if (answer.type === "opaqueredirect") return ended("signed_out");
  again("The server does not let this page follow at the moment: perhaps too many pages follow. Trying again …");
}

function ended(reason) {
  if (reason !== "signed_out") return again("The server ends this stream. Trying again …");
  source.close();
  const text = document.createTextNode("Your session has ended, or what you may see has changed. ");
  state.replaceChildren(text, link(box.dataset.signIn, "Sign in again"));
}

pause.addEventListener("click", () => {
  paused = !paused;
  if (paused) {
    pause.textContent = "Resume (0 new)";
    return say("Paused.");
  }
  const all = held;
  held = [];
  missed = 0;
  pause.textContent = "Pause";
  say("Following.");
  all.forEach(add);
});

clear.addEventListener("click", () => rows.replaceChildren());

// Only the number is said aloud, and not more often than every ten seconds.
setInterval(() => {
  if (fresh === 0) return;
  count.textContent = fresh === 1 ? "1 new decision" : fresh + " new decisions";
  fresh = 0;
}, 10000);

if (box.dataset.source) {
  pause.hidden = clear.hidden = false;
  document.getElementById("tail-reload").hidden = true;
  say("Connecting …");
  listen();
}

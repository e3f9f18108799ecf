// Files dropped, pasted or chosen: sent in small requests, a line for each.

import { chosen, listen } from "./gather.js";
import { icon, text } from "./parts.js";

const $ = (selector) => document.querySelector(selector);
const target = $("[data-upload]");
const panel = $("#upload-panel");
const list = $("#uploads");
const AT_ONCE = 3;
// Small files travel together: a folder of hundreds is tens of requests.
const BATCH_FILES = 8;
const BATCH_BYTES = 4e6;
const TRIES = 6;
const TOKENS_AT_ONCE = 20;

const waiting = [];
const running = new Set();
const unsent = [];
const counts = { all: 0, added: 0, there: 0, skipped: 0, refused: 0, unsent: 0 };
let policy = "ask";

// --- Lines -------------------------------------------------------------------

function showWaiting(one) {
  const bar = document.createElement("progress");
  bar.max = 100;
  bar.value = 0;
  bar.setAttribute("aria-label", `Sending ${one.path}`);
  one.line.className = "upload-line";
  one.line.removeAttribute("data-outcome");
  one.line.replaceChildren(icon("file"), text("span", "name", one.path), bar);
  one.bar = bar;
}

function fail(one, words) {
  counts.unsent += 1;
  say(one, "unsent", words);
  unsent.push(one);
}

function stopped(batch, words) {
  for (const one of batch) fail(one, `You stopped it: ${words}.`);
}

function refuse(one, words) {
  counts.refused += 1;
  say(one, "refused", words);
}

function say({ line, path }, outcome, words) {
  line.className = "upload-line";
  line.dataset.outcome = outcome;
  line.replaceChildren(icon("fail"), text("span", "name", path), text("span", "state-bad small", words));
}

// --- Sending -----------------------------------------------------------------

function take() {
  const batch = [waiting.shift()];
  let bytes = batch[0].file.size;
  while (!batch[0].alone && waiting.length && batch.length < BATCH_FILES) {
    const next = waiting[0];
    if (next.url !== batch[0].url || next.alone || bytes + next.file.size > BATCH_BYTES) break;
    bytes += next.file.size;
    batch.push(waiting.shift());
  }
  return batch;
}

function pump() {
  while (running.size < AT_ONCE && waiting.length) send(take());
  check();
}

function send(batch) {
  const data = new FormData();
  for (const { file, path } of batch) {
    data.append("files", file, file.name);
    data.append("paths", path);
  }
  data.append("on_same_name", policy);
  const request = new XMLHttpRequest();
  request.open("POST", batch[0].url);
  request.setRequestHeader("X-CSRFToken", document.body.dataset.csrf);
  request.setRequestHeader("HX-Request", "true");
  request.upload.addEventListener("progress", (event) => share(batch, event.loaded));
  request.addEventListener("load", () => finish(request, batch));
  request.addEventListener("error", () => broken(batch, "Not sent: the connection was lost. Nothing else is affected."));
  request.addEventListener("abort", () => stopped(batch, "it may have arrived all the same"));
  request.addEventListener("loadend", () => {
    running.delete(request);
    pump();
  });
  running.add(request);
  request.send(data);
}

function share(batch, loaded) {
  let left = loaded;
  for (const { file, bar } of batch) {
    bar.value = Math.min(100, (100 * left) / (file.size || 1));
    left = Math.max(0, left - file.size);
  }
}

function wordsOf(request) {
  const html = new DOMParser().parseFromString(request.responseText, "text/html");
  const words = (html.querySelector(".note") ?? html.querySelector("p") ?? html.body).textContent;
  return words.trim().replace(/\s+/g, " ") || "Not sent. Try again.";
}

function finish(request, batch) {
  if (request.status === 429 || request.status === 503) {
    later(batch, Number(request.getResponseHeader("Retry-After")) || 5, wordsOf(request));
  } else if (request.status >= 400) {
    broken(batch, wordsOf(request));
  } else {
    const html = new DOMParser().parseFromString(`<ul>${request.responseText}</ul>`, "text/html");
    const lines = [...html.querySelector("ul").children];
    batch.forEach((one, at) => (lines[at] ? place(one, lines[at]) : fail(one, "Not sent: the site did not say what became of it.")));
    goOn();
  }
}

// One bad file must not take its neighbours along: they are sent again by themselves.
function broken(batch, words) {
  if (batch.length === 1) {
    fail(batch[0], words);
    return;
  }
  for (const one of batch) one.alone = true;
  waiting.unshift(...batch);
}

function later(batch, seconds, words) {
  batch[0].tries = (batch[0].tries ?? 0) + 1;
  if (batch[0].tries > TRIES) {
    for (const one of batch) fail(one, words);
    return;
  }
  const timer = setTimeout(() => {
    running.delete(pause);
    waiting.unshift(...batch);
    pump();
  }, seconds * 1000);
  const pause = {
    abort: () => {
      clearTimeout(timer);
      running.delete(pause);
      stopped(batch, "not sent");
    },
  };
  running.add(pause);
}

function place(one, line) {
  const outcome = line.dataset.outcome;
  one.line.replaceWith(line);
  one.line = line;
  htmx.process(line);
  line.dispatchEvent(new CustomEvent("plumbline:shown", { bubbles: true }));
  counts.added += Number(line.dataset.added || 0);
  if (outcome === "duplicate") counts.there += 1;
  if (outcome === "skipped") counts.skipped += 1;
  if (outcome === "refused") {
    counts.refused += 1;
    if ("again" in line.dataset && one.file) unsent.push(one);
  }
}

function goOn() {
  if (policy === "ask") return;
  const open = [...list.querySelectorAll("[data-choice]")];
  if (open.length) choose(open, policy);
}

// --- What the panel says -----------------------------------------------------

function words() {
  const parts = [`${counts.added.toLocaleString()} added`];
  if (counts.there) parts.push(`${counts.there.toLocaleString()} already there`);
  if (counts.skipped) parts.push(`${counts.skipped.toLocaleString()} skipped`);
  const bad = counts.refused + counts.unsent;
  if (bad) parts.push(`${bad.toLocaleString()} not added`);
  const open = list.querySelectorAll("[data-choice]").length;
  if (open) parts.push(`${open.toLocaleString()} ${open === 1 ? "waits" : "wait"} for your choice`);
  return parts.join(", ");
}

function show() {
  const open = list.querySelectorAll("[data-choice]").length;
  const left = waiting.length + running.size;
  const sent = counts.all - list.querySelectorAll(".upload-line:not([data-outcome])").length;
  const isDone = !left;
  panel.hidden = !list.children.length && !counts.all;
  $("[data-uploads-count]").textContent = isDone ? words() : `Sending ${sent.toLocaleString()} of ${counts.all.toLocaleString()}`;
  $("[data-uploads-bar]").hidden = isDone;
  $("[data-uploads-bar]").value = counts.all ? (100 * sent) / counts.all : 0;
  $("[data-uploads-stop]").hidden = isDone;
  $("[data-uploads-close]").hidden = !isDone;
  $("[data-uploads-retry]").hidden = !isDone || !unsent.length;
  $("[data-uploads-all]").hidden = open < 2;
  $("[data-uploads-open]").textContent = `${open}`;
}

function settle() {
  const open = list.querySelectorAll("[data-choice]");
  $("[data-uploads-said]").textContent = words();
  if (document.getElementById("documents")) {
    // The table shows what was added: its lines would say it twice.
    for (const line of list.querySelectorAll('[data-outcome="created"], [data-outcome="new_version"]')) {
      if (!line.querySelector("details")) line.remove();
    }
    htmx.ajax("GET", location.href, { target: "#documents", swap: "outerHTML" });
  } else {
    follow();
  }
  if (open.length && !document.activeElement?.closest("[data-choice], input, textarea")) open[0].querySelector("button").focus();
}

// Where no table is, the lines themselves stay up to date.
function follow() {
  const progress = document.getElementById("progress");
  const live = list.querySelectorAll('[name="live"]');
  if (!progress || !live.length) return;
  const query = new URLSearchParams([...live].map((input) => ["live", input.value]));
  htmx.ajax("GET", `/documents/progress?${query}`, { source: progress, target: progress, swap: "outerHTML" });
}

let wasBusy = false;

function check() {
  const isBusy = waiting.length + running.size > 0;
  if (wasBusy && !isBusy) settle();
  wasBusy = isBusy;
  show();
}

function add(files, url = target?.dataset.upload) {
  if (!url || !list) return;
  if (!waiting.length && !running.size) reset();
  const limit = Number(target?.dataset.maxMb || 0) * 2 ** 20;
  const lines = document.createDocumentFragment();
  for (const { file, path } of files) {
    const one = { file, path, url, line: document.createElement("li") };
    counts.all += 1;
    showWaiting(one);
    lines.append(one.line);
    if (limit && file.size > limit) {
      refuse(one, `The file is ${Math.ceil(file.size / 2 ** 20)} MB; the limit is ${target.dataset.maxMb} MB. Split it, or ask your administrator.`);
    } else waiting.push(one);
  }
  list.append(lines);
  wasBusy = true;
  pump();
}

function reset() {
  for (const name of Object.keys(counts)) counts[name] = 0;
  unsent.length = 0;
  policy = "ask";
  const all = $("[data-uploads-all] input");
  if (all) all.checked = false;
  for (const line of list.querySelectorAll(".upload-line:not(:has([data-choice]))")) line.remove();
}

$("[data-uploads-retry]")?.addEventListener("click", () => {
  for (const one of unsent.splice(0)) {
    counts[one.line.dataset.outcome === "unsent" ? "unsent" : "refused"] -= 1;
    one.tries = 0;
    showWaiting(one);
    waiting.push(one);
  }
  wasBusy = true;
  pump();
});
$("[data-uploads-stop]")?.addEventListener("click", () => {
  stopped(waiting.splice(0), "not sent");
  for (const one of [...running]) one.abort();
  check();
});
$("[data-uploads-close]")?.addEventListener("click", () => {
  list.replaceChildren();
  reset();
  panel.hidden = true;
});

// The browser asks before it drops what is not sent yet.
window.addEventListener("beforeunload", (event) => {
  if (waiting.length + running.size) event.preventDefault();
});

// --- Names that are taken ----------------------------------------------------

async function choose(forms, choice) {
  const mine = forms.filter((form) => !form.hasAttribute("data-sent"));
  for (const form of mine) {
    form.setAttribute("data-sent", "");
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  }
  const request = new AbortController();
  running.add(request);
  wasBusy = true;
  show();
  for (let at = 0; at < mine.length; at += TOKENS_AT_ONCE) await tell(mine.slice(at, at + TOKENS_AT_ONCE), choice, request.signal);
  running.delete(request);
  check();
}

async function tell(forms, choice, signal) {
  const data = new FormData();
  for (const form of forms) data.append("token", form.elements.token.value);
  data.append("choice", choice);
  const lines = await answered(forms[0].action, data, signal);
  forms.forEach((form, at) => {
    const line = form.closest("li");
    if (lines?.[at]) place({ line }, lines[at]);
    else {
      form.removeAttribute("data-sent");
      for (const button of form.querySelectorAll("button")) button.disabled = false;
    }
  });
}

// None where the site gave no lines, or the signal stopped it.
async function answered(url, data, signal) {
  for (let tries = 0; tries < TRIES; tries += 1) {
    try {
      const answer = await fetch(url, { method: "POST", body: data, signal, headers: { "X-CSRFToken": document.body.dataset.csrf, "HX-Request": "true" } });
      const html = new DOMParser().parseFromString(`<ul>${await answer.text()}</ul>`, "text/html");
      if (answer.ok) return [...html.querySelector("ul").children];
      if (answer.status !== 429 && answer.status !== 503) break;
      await new Promise((resolve) => {
        signal.addEventListener("abort", resolve);
        setTimeout(resolve, 1000 * (Number(answer.headers.get("Retry-After")) || 5));
      });
    } catch {
      break;
    }
  }
  $("[data-uploads-said]").textContent = "That did not work. Choose again.";
  return null;
}

list?.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-choice]");
  if (!form) return;
  event.preventDefault();
  const isForAll = $("[data-uploads-all] input").checked;
  if (isForAll) policy = event.submitter.value;
  choose(isForAll ? [...list.querySelectorAll("[data-choice]")] : [form], event.submitter.value);
});

// --- A file by its web address -----------------------------------------------

$("[data-fetch]")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const data = new FormData(form);
  const request = new AbortController();
  if (!waiting.length && !running.size) reset();
  const one = { path: data.get("url"), line: list.appendChild(document.createElement("li")) };
  counts.all += 1;
  showWaiting(one);
  one.bar.removeAttribute("value");
  running.add(request);
  wasBusy = true;
  show();
  const lines = await answered(form.action, data, request.signal);
  if (lines?.[0]) {
    place(one, lines[0]);
    if (lines[0].dataset.outcome !== "refused") form.reset();
  } else refuse(one, request.signal.aborted ? "You stopped it." : "That did not work. Try again.");
  running.delete(request);
  check();
});

// --- Choosing ----------------------------------------------------------------

for (const input of document.querySelectorAll('input[type="file"]')) {
  const take = () => {
    add(chosen(input.files));
    input.value = "";
  };
  input.addEventListener("change", take);
  if (input.files.length) take(); // chosen before this script was there
}

listen(target, icon, (files, unread = []) => {
  add(files);
  for (const path of unread) refuse({ path, line: list.appendChild(document.createElement("li")) }, "Your browser could not read it.");
  show();
});

// Files dropped, pasted or chosen: one request each, with its progress.

const target = document.querySelector("[data-upload]");
const chips = document.getElementById("uploads");
const AT_ONCE = 2;
const waiting = [];
let running = 0;

function icon(name) {
  const sprite = document.querySelector("svg.icon use").getAttribute("href").split("#")[0];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

function chipFor(file) {
  const chip = document.createElement("div");
  chip.className = "upload-chip";
  const name = document.createElement("span");
  name.className = "name";
  name.textContent = file.name;
  const bar = document.createElement("progress");
  bar.max = 100;
  bar.value = 0;
  bar.setAttribute("aria-label", `Sending ${file.name}`);
  chip.append(icon("file"), name, bar);
  chips.append(chip);
  return { chip, bar, name };
}

function fail(chip, name, words) {
  const reason = document.createElement("span");
  reason.className = "state-bad small";
  reason.textContent = words;
  chip.replaceChildren(icon("fail"), name, reason);
}

function send({ file, url }) {
  running += 1;
  const { chip, bar, name } = chipFor(file);
  const data = new FormData();
  data.append("files", file);
  data.append("on_same_name", document.getElementById("on-same-name")?.value ?? "keep");
  const request = new XMLHttpRequest();
  request.open("POST", url);
  request.setRequestHeader("X-CSRFToken", document.body.dataset.csrf);
  request.setRequestHeader("HX-Request", "true");
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) bar.value = (event.loaded / event.total) * 100;
  });
  request.addEventListener("load", () => finish(request, chip, name));
  request.addEventListener("error", () => fail(chip, name, "Not sent: the connection was lost, or the file is larger than the limit."));
  request.addEventListener("loadend", () => {
    running -= 1;
    next();
    if (!running && !waiting.length) document.dispatchEvent(new CustomEvent("plumbline:uploaded"));
  });
  request.send(data);
}

function finish(request, chip, name) {
  const html = new DOMParser().parseFromString(request.responseText, "text/html");
  if (request.status >= 400) {
    const words = (html.querySelector(".note") ?? html.querySelector("p") ?? html.body).textContent;
    fail(chip, name, words.trim().replace(/\s+/g, " "));
    return;
  }
  // Where the table shows new documents, a chip for each would say it twice.
  const isListed = document.getElementById("documents");
  const fresh = [...html.body.children].filter((one) => !(isListed && ["created", "new_version"].includes(one.dataset.outcome)));
  chip.replaceWith(...fresh);
  for (const element of fresh) htmx.process(element);
}

function next() {
  while (running < AT_ONCE && waiting.length) send(waiting.shift());
}

function add(files, url = target?.dataset.upload) {
  if (!url) return;
  waiting.push(...[...files].map((file) => ({ file, url })));
  next();
}

// The table shows new documents once they are all there.
document.addEventListener("plumbline:uploaded", () => {
  if (document.getElementById("documents")) {
    htmx.ajax("GET", location.href, { target: "#documents", swap: "outerHTML" });
  }
});

for (const input of document.querySelectorAll('input[type="file"]')) {
  input.addEventListener("change", () => {
    add(input.files);
    input.value = "";
  });
}

// --- Dropping anywhere, pasting into the page --------------------------------

const veil = document.createElement("div");
veil.className = "drop-veil";
veil.hidden = true;
let depth = 0;

const hasFiles = (event) => Boolean(target) && [...(event.dataTransfer?.types ?? [])].includes("Files");

if (target) {
  veil.append(icon("upload"), `Add to ${target.dataset.uploadName}`);
  document.body.append(veil);
}

document.addEventListener("dragenter", (event) => {
  if (!hasFiles(event)) return;
  depth += 1;
  veil.hidden = false;
});
document.addEventListener("dragleave", (event) => {
  if (!hasFiles(event)) return;
  depth = Math.max(0, depth - 1);
  veil.hidden = depth === 0;
});
document.addEventListener("dragover", (event) => {
  if (hasFiles(event)) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  depth = 0;
  veil.hidden = true;
  add(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  const files = event.clipboardData?.files;
  if (!files?.length) return;
  event.preventDefault();
  add(files);
});

// Shows an answer while it is written, and swaps in the finished one.
// The server holds the state: a reload or a second tab replays the same events.

import { text as element } from "./parts.js";

const RETRY_MS = 2000;
// Signed out, not allowed, gone: asking again would change nothing.
const FINAL = new Set([401, 403, 404]);
const SLACK_PX = 80;
// Notices of how an answer was made; the others warn of what it lacks.
const TOLD = new Set(["coverage", "latest_by", "table_rows"]);
const turns = document.getElementById("turns");
const spoken = document.getElementById("spoken");
const chat = document.getElementById("chat");

// --- Scrolling: follow the end until the reader goes up ----------------------

const latest = document.querySelector("[data-latest]");
let isFollowing = true;
let lastTop = window.scrollY;

function distanceToEnd() {
  return document.documentElement.scrollHeight - window.innerHeight - window.scrollY;
}

function follow() {
  if (isFollowing) window.scrollTo({ top: document.documentElement.scrollHeight });
  latest.hidden = isFollowing || distanceToEnd() < SLACK_PX;
}

window.addEventListener("scroll", () => {
  const top = window.scrollY;
  if (top < lastTop - 2 && distanceToEnd() > SLACK_PX) isFollowing = false;
  if (distanceToEnd() < SLACK_PX / 2) isFollowing = true;
  lastTop = top;
  latest.hidden = isFollowing || distanceToEnd() < SLACK_PX;
}, { passive: true });
window.addEventListener("wheel", (event) => {
  if (event.deltaY < 0 && distanceToEnd() >= 0) isFollowing = false;
}, { passive: true });

latest.addEventListener("click", () => {
  isFollowing = true;
  follow();
});

// --- The words of a phase ----------------------------------------------------

const count = (n, one, many) => `${n} ${n === 1 ? one : many}`;

function ordinal(n) {
  const suffix = { one: "st", two: "nd", few: "rd", other: "th" };
  return `${n}${suffix[new Intl.PluralRules("en", { type: "ordinal" }).select(n)]}`;
}

function queuedWords({ position, estimate_s: seconds }) {
  const wait = seconds ? `, about ${seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`}` : "";
  return position <= 1 ? `Next in line${wait}` : `${ordinal(position)} in line${wait}`;
}

// --- One running answer ------------------------------------------------------

class Live {
  constructor(root) {
    this.root = root;
    this.text = root.querySelector("[data-text]");
    this.words = root.querySelector("[data-phase-words]");
    this.notices = root.querySelector("[data-notices]");
    this.sources = new Map();
    this.pending = "";
    this.frame = 0;
    this.open();
    document.dispatchEvent(new CustomEvent("plumbline:started", { detail: root.dataset.stopUrl }));
  }

  open() {
    this.reset();
    this.events = new EventSource(this.root.dataset.events);
    const on = (kind, act) => this.events.addEventListener(kind, (event) => {
      if (event.data) act(JSON.parse(event.data));
    });
    on("searching", (data) => this.phase(`Searching ${count(data.collections, "collection", "collections")}`));
    on("sources", (data) => this.show(data.sources ?? data));
    on("reading", (data) => this.phase(`Reading ${data.passages} of ${count(data.total, "passage", "passages")}`));
    on("queued", (data) => this.phase(queuedWords(data)));
    on("token", (data) => this.write(data.text));
    on("notice", (data) => this.notice(data));
    on("done", () => this.settle());
    // A message named "error" carries data; a lost connection does not.
    this.events.addEventListener("error", (event) => {
      if (event.data || this.events.readyState === EventSource.CLOSED) this.settle();
      else this.phase("Reconnecting");
    });
  }

  reset() {
    this.text.replaceChildren();
    this.notices.replaceChildren();
    this.pending = "";
  }

  phase(words) {
    if (this.words.textContent === words) return;
    this.words.textContent = words;
    spoken.textContent = words;
  }

  notice({ code, message }) {
    const note = document.createElement("p");
    note.className = TOLD.has(code) ? "note" : "note note-warn";
    note.textContent = message;
    this.notices.append(note);
    follow();
  }

  show(sources) {
    for (const source of sources) this.sources.set(source.n, source);
    const read = sources.filter((source) => source.in_prompt !== false);
    if (read.length) this.phase(`Reading ${count(read.length, "passage", "passages")}`);
    if (!sources.length) return;
    const list = document.createElement("ul");
    list.className = "source-list";
    list.append(...sources.map(sourceCard));
    const heading = document.createElement("h3");
    heading.textContent = read.length ? "Read for this answer" : "Closest passages";
    const panel = document.getElementById("sources");
    const head = panel.querySelector(".sources-head");
    head.dataset.sourcesFor = this.root.dataset.answer;
    // The head stays: it may have the focus.
    while (head.nextSibling) head.nextSibling.remove();
    panel.append(heading, list);
  }

  write(text) {
    this.phase("Writing");
    this.pending += text;
    this.frame ||= requestAnimationFrame(() => this.flush());
  }

  // Appends only: a selection that the reader made stays.
  flush() {
    this.frame = 0;
    let text = this.pending;
    const held = text.match(/\[[\d,\s]{0,12}$|\n+$/);
    this.pending = held ? held[0] : "";
    if (held) text = text.slice(0, held.index);
    for (const [index, part] of text.split(/\n{2,}/).entries()) {
      if (index || !this.text.lastElementChild) this.text.append(document.createElement("p"));
      this.text.lastElementChild.append(...this.pieces(part));
    }
    follow();
  }

  pieces(text) {
    return text.split(/(\[\d+(?:\s*,\s*\d+)*\])/).flatMap((piece) => {
      if (!/^\[\d/.test(piece)) return [piece];
      return piece.match(/\d+/g).map((n) => this.mark(Number(n)));
    });
  }

  mark(n) {
    const source = this.sources.get(n);
    const mark = document.createElement("a");
    mark.className = "mark";
    mark.dataset.n = n;
    mark.textContent = n;
    mark.href = source ? addressOf(source) : "#sources";
    mark.setAttribute("aria-label", `Source ${n}`);
    return mark;
  }

  // The stream has ended: show what the server holds now, and ask until it answers.
  async settle() {
    this.events.close();
    cancelAnimationFrame(this.frame);
    this.flush();
    const { status, html } = await fetchHtml(this.root.dataset.finished);
    const shown = fragment(html).firstElementChild;
    if (FINAL.has(status)) this.end(shown);
    else if (status !== 200) this.again("settle");
    else if (shown.matches("[data-live]")) this.again("open");
    else this.replace(shown);
  }

  again(step) {
    this.phase("Reconnecting");
    setTimeout(() => this[step](), RETRY_MS);
  }

  // Nothing more will come: what came stays, with the reason.
  end(reason) {
    this.root.removeAttribute("data-live");
    this.root.querySelector("[data-phase]").remove();
    this.root.append(reason);
    spoken.textContent = "";
    follow();
    document.dispatchEvent(new CustomEvent("plumbline:ended"));
  }

  replace(answer) {
    // Keep the height until the new content stands, so that nothing jumps.
    const top = window.scrollY;
    this.root.replaceWith(answer);
    htmx.process(answer);
    answer.dispatchEvent(new CustomEvent("plumbline:shown", { bubbles: true }));
    if (isFollowing) follow();
    else window.scrollTo({ top });
    spoken.textContent = inWords(answer);
    htmx.ajax("GET", this.root.dataset.sourcesUrl, { target: "#sources", swap: "innerHTML" });
    document.dispatchEvent(new CustomEvent("plumbline:ended"));
  }
}

// What is said of an answer: its text with its sources, then each notice.
function inWords(answer) {
  const parts = [...answer.querySelectorAll("[data-plain], .note > span")].map((part) => part.textContent);
  return [answer.dataset.state === "done" ? "Answer finished." : "", ...parts].join(" ").trim();
}

function addressOf(source) {
  const id = source.document_id ?? source.document;
  const query = new URLSearchParams({ page: source.page, start: source.start ?? 0, end: source.end ?? 0 });
  if (source.version_id) query.set("version", source.version_id);
  return `/documents/${id}?${query}`;
}

function sourceCard(source) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.className = "source";
  link.href = addressOf(source);
  link.dataset.n = source.n;
  const title = document.createElement("div");
  title.className = "source-title";
  const name = element("span", "", source.document);
  name.dir = "auto";
  title.append(element("span", "mark", source.n), name, element("span", "page-of", `page ${source.page}`));
  link.append(title);
  if (source.heading) link.append(element("div", "source-heading", source.heading));
  const quote = element("blockquote", "quote", source.quote ?? "");
  quote.dir = "auto";
  link.append(quote);
  item.append(link);
  return item;
}

const headers = () => ({ "HX-Request": "true", "HX-Current-URL": location.href });

// Status 0: the site cannot be reached.
async function fetchHtml(url) {
  try {
    const response = await fetch(url, { headers: headers() });
    return { status: response.status, html: await response.text() };
  } catch {
    return { status: 0, html: "" };
  }
}

function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

// --- Asking without leaving the page -----------------------------------------

function begin(root = document) {
  for (const live of root.querySelectorAll("[data-live]")) {
    if (!live.dataset.begun) {
      live.dataset.begun = "yes";
      new Live(live);
    }
  }
}

function echo(question) {
  const pending = document.getElementById("pending-turn").content.firstElementChild.cloneNode(true);
  pending.querySelector(".question-text").textContent = question;
  document.getElementById("empty")?.setAttribute("hidden", "");
  turns.hidden = false;
  // The panel has its place from the first question on: nothing moves later.
  chat.toggleAttribute("data-sources", true);
  turns.append(pending);
  isFollowing = true;
  follow();
  return pending;
}

function takeBack(pending) {
  pending.remove();
  if (turns.children.length) return;
  turns.hidden = true;
  chat.removeAttribute("data-sources");
  document.getElementById("empty")?.removeAttribute("hidden");
}

function showName(name) {
  document.title = `${name.slice(0, 60)} · ${document.title.split(" · ").at(-1)}`;
  for (const title of document.querySelectorAll(".topbar-title, #chat > h1")) title.textContent = name;
}

// The open chat is called what the list calls it, also once it is renamed there.
document.addEventListener("htmx:load", (event) => {
  const current = event.detail.elt.id === "chats" && event.detail.elt.querySelector("[aria-current]");
  if (current) showName(current.textContent);
});

// The chat has its address and its name from the first question on.
function adopt(response, question) {
  const composer = document.getElementById("composer");
  const id = response.headers.get("X-Conversation");
  const isNew = composer.elements.conversation.value !== id;
  composer.elements.conversation.value = id;
  if (!isNew) return;
  history.replaceState(null, "", response.headers.get("HX-Push-Url"));
  showName(question);
  composer.elements.question.placeholder = "Ask a follow-up";
  htmx.ajax("GET", "/chats", { target: "#chats", swap: "outerHTML" });
}

export async function ask(form, data) {
  const question = data.get("question") ?? form.closest(".turn")?.querySelector(".question-text").textContent ?? "";
  const pending = echo(question);
  const error = document.getElementById("composer-error");
  error.replaceChildren();
  try {
    const response = await fetch(form.action, {
      method: "POST",
      body: data,
      headers: { ...headers(), "X-CSRFToken": document.body.dataset.csrf },
    });
    const html = fragment(await response.text());
    if (!response.ok) {
      error.replaceChildren(html);
      takeBack(pending);
      return false;
    }
    adopt(response, question);
    const turn = html.firstElementChild;
    pending.replaceWith(turn);
    htmx.process(turn);
    begin(turn);
    follow();
    return true;
  } catch {
    error.replaceChildren(element("p", "note note-bad", "The site cannot be reached. Your question is kept: try again."));
    takeBack(pending);
    return false;
  }
}

document.addEventListener("plumbline:ask", (event) => {
  const { form, data, done } = event.detail;
  ask(form, data).then((isTaken) => done?.(isTaken));
});

begin();
if (turns.children.length && !location.hash) follow();

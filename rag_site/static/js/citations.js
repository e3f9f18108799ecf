// A number shows its passage on hover and focus; [ and ] walk through numbers.

const card = document.createElement("div");
card.className = "hover-card";
card.hidden = true;
card.id = "citation-card";
document.getElementById("content").append(card);

let current = null;
let hiding = 0;
const isTouched = () => matchMedia("(hover: none)").matches;

// Characters of the passage that are shown before the words that bear a sentence.
const BEFORE = 120;

function passageOf(mark) {
  const n = mark.dataset.n;
  const kept = mark.closest(".answer").querySelector("[data-source-cards]")?.content.querySelector(`[data-n="${CSS.escape(n)}"]`);
  return kept ?? document.querySelector(`#sources [data-n="${CSS.escape(n)}"]`);
}

// A passage comes with the words of the first sentence that names it; these bear this one.
function point(source, mark) {
  const quote = card.querySelector(".quote");
  const letters = [...(quote?.textContent ?? "")];
  const place = new URL(mark.href).searchParams;
  const start = place.get("start") - source.dataset.start;
  const end = place.get("end") - source.dataset.start;
  const isHere = start >= 0 && end > start && end <= letters.length;
  if (!isHere) return;
  const from = start > BEFORE ? Math.min(letters.indexOf(" ", start - BEFORE) + 1, start) : 0;
  const words = document.createElement("mark");
  words.className = "borne";
  words.textContent = letters.slice(start, end).join("");
  quote.replaceChildren(from ? "… " : "", letters.slice(from, start).join(""), words, letters.slice(end).join(""));
}

function place(mark) {
  const box = mark.getBoundingClientRect();
  const width = card.offsetWidth;
  const left = Math.min(Math.max(8, box.left + box.width / 2 - width / 2), document.documentElement.clientWidth - width - 8);
  const isAbove = box.top > card.offsetHeight + 16;
  const top = isAbove ? box.top - card.offsetHeight - 8 : box.bottom + 8;
  // Through the CSSOM: a style attribute would be refused by the policy.
  card.style.left = `${left + window.scrollX}px`;
  card.style.top = `${top + window.scrollY}px`;
}

function show(mark) {
  clearTimeout(hiding);
  if (mark === current) return;
  const passage = passageOf(mark);
  if (!passage) return;
  release();
  current = mark;
  const hint = document.createElement("p");
  hint.className = "hint";
  hint.textContent = isTouched() ? "Tap the number again to open it in the document" : "Click to open it in the document";
  card.replaceChildren(...[...passage.childNodes].map((node) => node.cloneNode(true)), hint);
  point(passage, mark);
  card.hidden = false;
  place(mark);
  mark.setAttribute("aria-describedby", card.id);
  light(mark);
}

// The panel turns to the answer that is being looked at.
async function light(mark) {
  const answer = mark.closest(".answer").dataset.answer;
  const shown = document.querySelector("[data-sources-for]")?.dataset.sourcesFor;
  if (shown !== answer) {
    await htmx.ajax("GET", `/answers/${answer}/sources`, { target: "#sources", swap: "innerHTML" });
  }
  if (mark !== current) return;
  document.querySelector(`#sources [data-n="${CSS.escape(mark.dataset.n)}"]`)?.setAttribute("data-lit", "");
}

function release() {
  current?.removeAttribute("aria-describedby");
  current = null;
  card.hidden = true;
  for (const lit of document.querySelectorAll("[data-lit]")) lit.removeAttribute("data-lit");
}

function hideSoon() {
  clearTimeout(hiding);
  hiding = setTimeout(release, 120);
}

const marked = (event) => event.target.closest?.(".answer a.mark[data-n], .answer a.chip[data-n]");

document.addEventListener("pointerover", (event) => {
  if (event.pointerType === "touch") return;
  const mark = marked(event);
  if (mark) show(mark);
  else if (event.target.closest?.(".hover-card")) clearTimeout(hiding);
  else if (current && current !== document.activeElement) hideSoon();
});
document.addEventListener("focusin", (event) => {
  const mark = marked(event);
  if (mark) show(mark);
  else if (current) hideSoon();
});
window.addEventListener("scroll", () => {
  if (current && !card.hidden) place(current);
}, { passive: true });

// On touch the first tap shows the passage, the second one opens it.
document.addEventListener("click", (event) => {
  const mark = marked(event);
  if (!mark || !isTouched() || mark.dataset.tapped) return;
  event.preventDefault();
  mark.dataset.tapped = "yes";
  setTimeout(() => delete mark.dataset.tapped, 4000);
  show(mark);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && current) {
    release();
    event.preventDefault();
    return;
  }
  if (event.key !== "[" && event.key !== "]") return;
  if (event.ctrlKey || event.metaKey || event.target.matches?.("input, textarea, select")) return;
  const marks = [...document.querySelectorAll(".turns a.mark[data-n]")];
  if (!marks.length) return;
  event.preventDefault();
  const at = marks.indexOf(document.activeElement);
  const step = event.key === "]" ? 1 : -1;
  const next = at < 0 ? (step > 0 ? 0 : marks.length - 1) : (at + step + marks.length) % marks.length;
  marks[next].focus();
}, true);

// The box at the bottom: grows, sends, stops, keeps the draft.

const form = document.getElementById("composer");
const input = document.getElementById("question");
const send = form.querySelector("[data-send]");
const stop = form.querySelector("[data-stop]");
const meter = form.querySelector("[data-meter]");
const max = Number(input.dataset.max);
const draftKey = () => `draft:${document.body.dataset.user}:${form.elements.conversation.value || "new"}`;
let stopUrl = "";
let isSending = false;
let lastQuestion = [...document.querySelectorAll(".question-text")].at(-1)?.textContent ?? "";

function keep(key, text) {
  try {
    if (text) localStorage.setItem(key, text);
    else localStorage.removeItem(key);
  } catch {
    // Storage may be full or forbidden: the draft is a comfort.
  }
}

function remember() {
  keep(draftKey(), input.value);
}

function recall() {
  try {
    return localStorage.getItem(draftKey()) ?? "";
  } catch {
    return "";
  }
}

// As the site counts: a smiley is one, and blanks around do not count.
function lengthOf(text) {
  return [...text.trim()].length;
}

function fit() {
  const length = lengthOf(input.value);
  meter.hidden = length < max * 0.8;
  meter.toggleAttribute("data-over", length > max);
  meter.textContent = length > max
    ? `${(length - max).toLocaleString()} characters too many`
    : `${length.toLocaleString()} of ${max.toLocaleString()}`;
  send.setAttribute("aria-disabled", String(!length || length > max));
  if (CSS.supports("field-sizing", "content")) return;
  input.rows = 1;
  while (input.rows < 14 && input.scrollHeight > input.clientHeight + 4) input.rows += 1;
}

function setText(text) {
  input.value = text;
  fit();
  remember();
}

// One at a time: a second question of a new chat would begin another chat.
function dispatch(source, data, refused) {
  isSending = true;
  const key = draftKey();
  const done = (isTaken) => {
    isSending = false;
    if (!isTaken) refused();
    // What was typed meanwhile belongs to the chat that began.
    keep(key, "");
    remember();
  };
  document.dispatchEvent(new CustomEvent("plumbline:ask", { detail: { form: source, data, done } }));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (stopUrl || isSending) return;
  const data = new FormData(form);
  if (event.submitter?.name === "starter") {
    // What was typed stays in the box.
    const starter = event.submitter.value;
    data.set("question", starter);
    dispatch(form, data, () => {
      if (!input.value) setText(starter);
    });
    return;
  }
  const question = input.value.trim();
  if (!question || lengthOf(question) > max) {
    input.focus();
    return;
  }
  setText("");
  lastQuestion = question;
  // What was typed meanwhile stays.
  dispatch(form, data, () => setText([question, input.value].filter(Boolean).join("\n")));
});

// Retry and an edited question go the same way.
document.addEventListener("submit", (event) => {
  const other = event.target;
  if (!other.matches("[data-ask]")) return;
  event.preventDefault();
  if (stopUrl || isSending) return;
  const data = new FormData(other, event.submitter);
  const edit = closeEdit(other);
  dispatch(other, data, () => {
    if (!edit) return;
    if (input.value) edit.replaceChildren(other);
    else setText(data.get("question"));
  });
});

function closeEdit(within) {
  const edit = within.closest(".edit");
  edit?.replaceChildren();
  edit?.parentElement.querySelector(".edit-open").focus({ preventScroll: true });
  return edit;
}

document.addEventListener("click", (event) => {
  if (!event.target.matches("[data-close-edit]")) return;
  event.preventDefault();
  closeEdit(event.target);
});

input.addEventListener("keydown", (event) => {
  // keyCode 229: Safari ends a composition before it reports the Enter that ended it.
  if (event.isComposing || event.keyCode === 229) return;
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    form.requestSubmit();
  }
  if (event.key === "ArrowUp" && !input.value && lastQuestion) {
    event.preventDefault();
    setText(lastQuestion);
  }
});
input.addEventListener("input", () => {
  fit();
  remember();
});

stop.addEventListener("click", () => {
  if (!stopUrl || stop.ariaDisabled === "true") return;
  // Not disabled, which would take the focus from it.
  stop.ariaDisabled = "true";
  // By htmx, so that page.js says what went wrong: signed out, gone, out of reach.
  htmx.ajax("POST", stopUrl, { source: stop, swap: "none" })
    .catch(() => {})
    .finally(() => { stop.ariaDisabled = "false"; });
});
document.addEventListener("plumbline:escape", (event) => {
  if (!closeEdit(event.target) && stopUrl) stop.click();
});

function toggle(url) {
  const hadFocus = document.activeElement === send || document.activeElement === stop;
  stopUrl = url;
  send.hidden = Boolean(url);
  stop.hidden = !url;
  if (hadFocus) (url ? stop : send).focus();
}

document.addEventListener("plumbline:started", (event) => toggle(event.detail));
document.addEventListener("plumbline:ended", () => toggle(document.querySelector("[data-live]")?.dataset.stopUrl ?? ""));
const running = document.querySelector("[data-live]");
if (running) toggle(running.dataset.stopUrl);

document.addEventListener("change", (event) => {
  const picker = event.target.closest(".picker");
  if (!picker) return;
  const boxes = [...picker.querySelectorAll('input[name="collections"]')];
  const picked = boxes.filter((box) => box.checked);
  const names = picked.map((box) => box.parentElement.textContent.trim());
  picker.querySelector("[data-picked]").textContent = !picked.length
    ? "All collections"
    : picked.length === 1 ? names[0] : `${picked.length} of ${boxes.length} collections`;
});

const filters = () => [...form.querySelectorAll('[name^="only-"]')];
function countFilters() {
  const narrowed = form.querySelector("[data-narrowed]");
  if (narrowed) narrowed.textContent = filters().filter((field) => field.value).length || "";
}
form.querySelector(".narrow")?.addEventListener("input", countFilters);
form.querySelector("[data-widen]")?.addEventListener("click", () => {
  for (const field of filters()) field.value = "";
  countFilters();
});

if (!input.value) input.value = recall();
fit();
if (matchMedia("(pointer: fine)").matches) {
  (document.querySelector(".edit textarea") ?? input).focus({ preventScroll: true });
  input.setSelectionRange(input.value.length, input.value.length);
}

// What every page has: drawers, menus, dialogs, local times, shortcuts, toasts.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// --- Times: in the reader's zone and words -----------------------------------

const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short" });

function inWords(date) {
  const seconds = (date - Date.now()) / 1000;
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return "just now";
}

function showTimes(root = document) {
  for (const time of $$("time[datetime]", root)) {
    const date = new Date(time.dateTime);
    time.title = exact.format(date);
    const words = inWords(date);
    if (time.textContent !== words) time.textContent = words;
  }
}

showTimes();
setInterval(showTimes, 30000);
document.addEventListener("htmx:load", (event) => showTimes(event.detail.elt));
document.addEventListener("plumbline:shown", (event) => showTimes(event.target));

// --- Drawers: the sidebar on small screens, the sources as a sheet -----------

let opener = null;

function setDrawer(id, isOpen) {
  const drawer = document.getElementById(id);
  if (!drawer) return;
  drawer.toggleAttribute("data-open", isOpen);
  if (isOpen) {
    opener = document.activeElement;
    (drawer.querySelector("a, button, input") ?? drawer).focus({ preventScroll: true });
  } else if (opener?.isConnected) {
    opener.focus({ preventScroll: true });
    opener = null;
  }
  if (location.hash === `#${id}`) history.replaceState(null, "", location.pathname + location.search);
}

function openDrawer() {
  return $$(".sidebar[data-open], .sources[data-open]").find((el) => getComputedStyle(el).position === "fixed");
}

document.addEventListener("keydown", (event) => {
  const drawer = event.key === "Tab" && openDrawer();
  if (!drawer) return;
  const stops = $$("a[href], button:not([disabled]), input, select, textarea, summary", drawer).filter((el) => el.offsetParent);
  const edge = event.shiftKey ? stops[0] : stops.at(-1);
  if (document.activeElement === edge || !drawer.contains(document.activeElement)) {
    event.preventDefault();
    (event.shiftKey ? stops.at(-1) : stops[0]).focus();
  }
});

// --- Clicks, by data attribute -----------------------------------------------

async function copy(text, button) {
  // Over plain HTTP a browser has no clipboard for scripts.
  const isCopied = navigator.clipboard
    ? await navigator.clipboard.writeText(text).then(() => true, () => false)
    : copySelected(text);
  if (isCopied) toast("Copied.");
  else toast("The browser did not allow copying. Select the text instead.", true);
  button.focus();
}

function copySelected(text) {
  const box = document.createElement("textarea");
  box.className = "visually-hidden";
  box.value = text;
  document.body.append(box);
  box.select();
  const isCopied = document.execCommand("copy");
  box.remove();
  return isCopied;
}

export function toast(text, isBad = false) {
  const note = document.createElement("div");
  note.className = isBad ? "note note-bad" : "note";
  note.textContent = text;
  $("#toasts").append(note);
  setTimeout(() => note.remove(), 5000);
}

const CLICKS = {
  open: async (el, event) => {
    event.preventDefault();
    if (el.dataset.sourcesOf) await htmx.ajax("GET", el.dataset.sourcesOf, { source: el, target: "#sources", swap: "innerHTML" });
    setDrawer(el.dataset.open, true);
  },
  close: (el, event) => {
    event.preventDefault();
    setDrawer(el.dataset.close, false);
  },
  show: (el) => document.getElementById(el.dataset.show)?.showModal(),
  dialog: (el, event) => {
    const dialog = document.getElementById(el.dataset.dialog);
    if (!dialog) return;
    event.preventDefault();
    setDrawer("sidebar", false);
    dialog.showModal();
  },
  closeDialog: (el) => el.closest("dialog").close(),
  dismiss: (el) => el.closest(".note").remove(),
  copyFrom: (el) => copy(document.getElementById(el.dataset.copyFrom).textContent, el),
  copy: (el) => copy($("[data-plain]", el.closest(".answer")).textContent, el),
  confirm: (el, event) => {
    if (!window.confirm(el.dataset.confirm)) event.preventDefault();
  },
};

document.addEventListener("click", (event) => {
  for (const [name, act] of Object.entries(CLICKS)) {
    const attribute = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const element = event.target.closest(`[data-${attribute}]`);
    // On an open drawer data-open is a state, not a button.
    if (element && !element.matches(".sidebar, .sources")) act(element, event);
  }
  for (const menu of $$("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  if (event.target.matches("[data-pick-all]")) {
    for (const box of $$('input[name="document"]')) box.checked = event.target.checked;
  }
});

// --- Signing out: nothing of this person stays in the browser ----------------

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-forget-drafts]")) return;
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith("draft:")) localStorage.removeItem(key);
    }
  } catch {
    // Where storage is forbidden, none was kept.
  }
});

// --- Menus: open to the side that has room ------------------------------------

document.addEventListener("toggle", ({ target: menu }) => {
  if (!menu.matches("details.menu[open]")) return;
  const { top, bottom } = menu.querySelector("summary").getBoundingClientRect();
  const [above, below] = [top, window.innerHeight - bottom];
  const isUp = menu.classList.contains("menu-up");
  const height = menu.querySelector(".menu-body").offsetHeight;
  if (height > (isUp ? above : below)) menu.classList.toggle("menu-up", above > below);
}, true);

// --- Shortcuts ---------------------------------------------------------------

function isTyping(target) {
  return target.matches?.("input:not([type=checkbox], [type=radio]), textarea, select") || target.isContentEditable;
}

function search() {
  const input = $("main [data-search]") ?? $("[data-search]");
  if (!input) {
    location.assign("/documents");
    return;
  }
  if (input.closest(".sidebar") && matchMedia("(width < 900px)").matches) setDrawer("sidebar", true);
  input.focus();
  input.select();
}

const KEYS = {
  "/": search,
  n: () => location.assign("/"),
  "?": () => $("#shortcuts").showModal(),
};

function escape() {
  const menu = $("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
    return true;
  }
  const drawer = openDrawer();
  if (drawer) setDrawer(drawer.id, false);
  return Boolean(drawer);
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.defaultPrevented || $("dialog[open]")) return;
  if (event.key === "Escape") {
    // The browser empties the field.
    if (event.target.matches("[type=search]") && event.target.value) return;
    if (escape()) event.preventDefault();
    else if (!isTyping(event.target) || event.target.matches("#question, .edit textarea")) {
      event.target.dispatchEvent(new CustomEvent("plumbline:escape", { bubbles: true }));
    }
    return;
  }
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    search();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

// --- What was refused is where the page opens ---------------------------------

$('main [aria-invalid="true"]')?.focus();

// --- htmx: the focus stays where the reader is --------------------------------

// What had it gets it back by its id. A menu comes back closed: its button has it then.
document.addEventListener("htmx:beforeSwap", ({ target, detail }) => {
  const menu = document.activeElement?.closest("details.menu");
  if (menu && detail.shouldSwap && target.contains(menu)) menu.querySelector("summary").focus({ preventScroll: true });
});

// --- htmx: say what went wrong instead of staying silent ---------------------

document.addEventListener("htmx:responseError", (event) => {
  const html = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
  if (event.detail.xhr.status === 401) {
    // With its link, and once, though what asks every two seconds asks again.
    if (!$("#toasts [data-problem]")) $("#toasts").append(html.body.firstElementChild);
    return;
  }
  if (event.detail.elt.closest("[data-quiet]")) return;
  toast(html.body.textContent.trim().replace(/\s+/g, " ").slice(0, 300) || "That did not work. Try again.", true);
});
document.addEventListener("htmx:sendError", (event) => {
  // What was pressed; a page that asks by itself asks again.
  if (event.detail.requestConfig.verb !== "get" || event.detail.elt.matches("a")) toast("The site cannot be reached. Check the network and try again.", true);
});

for (const note of $$("[data-toast].note-good")) setTimeout(() => note.remove(), 6000);

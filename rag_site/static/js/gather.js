// Which files a drop or a chosen folder holds, each with its path in it.

const HIDDEN = /(^|\/)\./;

export function chosen(files) {
  return [...files]
    .map((file) => ({ file, path: file.webkitRelativePath || file.name }))
    .filter(({ path }) => !HIDDEN.test(path))
    .sort((one, other) => (one.path < other.path ? -1 : 1));
}

// A folder is listed a hundred entries at a time, until there are none.
async function listed(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return entries;
    entries.push(...some);
  }
}

async function walk(entry, found, unread) {
  const path = entry.fullPath.replace(/^\//, "");
  if (HIDDEN.test(path)) return;
  try {
    if (entry.isFile) {
      found.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path });
      return;
    }
    for (const inner of await listed(entry)) await walk(inner, found, unread);
  } catch {
    unread.push(path);
  }
}

// The entries must be taken before the first await: the drop forgets them then.
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return { files: chosen(transfer.files), unread: [] };
  const files = [];
  const unread = [];
  for (const entry of entries) await walk(entry, files, unread);
  return { files, unread };
}

// Drops anywhere on the page, and pasting into it.
export function listen(target, icon, take) {
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
  document.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    veil.hidden = true;
    const { files, unread } = await dropped(event.dataTransfer);
    take(files, unread);
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!target || !files.length) return;
    // Copied cells come with a picture of them, copied files with their names.
    const words = event.clipboardData.getData("text/plain");
    if (words && !files.every((file) => words.includes(file.name))) return;
    event.preventDefault();
    take(chosen(files));
  });
}

// Brings the marked passage into view once the page stands, in the text and on
// the page's image.

const passage = document.getElementById("passage");
const boxed = document.querySelector(".sheet rect");
const isSideBySide = matchMedia("(width >= 1100px)").matches;

if (passage && !location.hash) {
  const targets = isSideBySide ? [passage, boxed] : [boxed ?? passage];
  for (const target of targets) {
    target?.scrollIntoView({ block: "center" });
  }
}

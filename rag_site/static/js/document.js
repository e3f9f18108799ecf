// Brings the marked passage into view once the page stands.

const passage = document.getElementById("passage");
const boxed = document.querySelector(".sheet rect");
const isSideBySide = matchMedia("(width >= 1100px)").matches;

if (passage && !location.hash) {
  const target = boxed && !isSideBySide ? boxed : passage;
  target.scrollIntoView({ block: "center" });
}

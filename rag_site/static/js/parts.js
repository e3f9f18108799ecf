// Small parts that scripts make: icons of the page's drawing, words in an element.

export function icon(name) {
  const sprite = document.querySelector("svg.icon use").getAttribute("href").split("#")[0];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

export function text(tag, css, words) {
  const element = document.createElement(tag);
  element.className = css;
  element.textContent = words;
  return element;
}

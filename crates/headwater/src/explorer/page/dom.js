// Elements out of data. All text becomes text nodes: nothing of an event is ever read as markup.

import { fill, visible } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";

/** An element. `on…` are listeners, `class` and the rest attributes; null and false leave one out. */
export function h(tag, attributes, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/** The same of an SVG. */
export function svg(tag, attributes, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : visible(String(value)));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    if (child instanceof Node) element.append(child);
    else fill(element, String(child));
  }
}

/** Puts these children in place of what is there. */
export function put(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/** Says something to those who listen to the page, and shows nothing. */
export function say(text) {
  document.getElementById("said").textContent = visible(text);
}

// A request's calls as the rows of a waterfall.

import { h } from "./dom.js";
import { span } from "./text.js";

const INDENT_PIXELS = 14;
const MOST_INDENTS = 12;

/** The calls as a tree, callers first, and the events that are of no call where they happened. */
export function rows(flow, total) {
  const below = new Map();
  flow.calls.forEach(({ parent }, index) => below.set(parent, [...(below.get(parent) ?? []), index]));
  const ofCall = flow.calls.map(() => []);
  const alone = [];
  flow.entries.forEach((entry, index) => {
    const { type, source, offsetMicroseconds: at } = entry;
    if (entry.call !== null) ofCall[entry.call].push(index);
    else alone.push({ key: `event-${index}`, depth: 0, entries: [index], at, type, source, total });
  });
  const items = [];
  const stack = [...(below.get(null) ?? [])].reverse();
  while (stack.length > 0) {
    const index = stack.pop();
    const call = flow.calls[index];
    const { depth, offsetMicroseconds: at } = call;
    while (depth === 0 && alone.length > 0 && alone[0].at < at) items.push(alone.shift());
    const isCulprit = flow.culprits.includes(index);
    items.push({ key: `call-${index}`, depth, entries: ofCall[index], at, call, isCulprit, total });
    stack.push(...[...(below.get(index) ?? [])].reverse());
  }
  return [...items, ...alone];
}

/** The cells of a row: what it is, how it ended, when that was. */
export function cells(item) {
  const { depth, call, isCulprit, type, source } = item;
  if (!call) {
    const name = h("span", null, h("span", { class: "type" }, type), h("span", { class: "faint" }, ` ${source}`));
    return [name, "", mark(item)];
  }
  const indent = h("span", { class: "indent" });
  indent.style.width = `${Math.min(depth, MOST_INDENTS) * INDENT_PIXELS}px`;
  const flag = isCulprit && h("span", { class: "flag" }, "culprit");
  const what = h("span", { class: "faint" }, [call.method, call.route].filter(Boolean).join(" "));
  return [
    h("span", null, indent, flag, h("strong", null, call.service), " ", what),
    h("span", { class: `outcome ${call.outcome}` }, status(call)),
    bar(item),
  ];
}

const status = ({ status: code, error, outcome }) => code ?? (outcome === "failed" && error ? error : outcome);
const share = (part, total) => Math.min(100, (part / total) * 100);

/** A bar as long as the call took, with the time beside it, on the side where there is room. */
function bar({ call, at, total }) {
  const isOpen = call.durationMicroseconds === null;
  const begin = share(at, total);
  const end = isOpen ? 100 : share(at + call.durationMicroseconds, total);
  const element = h("span", { class: `call-bar ${call.outcome}${isOpen ? " open" : ""}` });
  element.style.left = `${begin}%`;
  element.style.width = `${end - begin}%`;
  const length = h("span", { class: "length" }, span(call.durationMicroseconds));
  if (end <= 85) length.style.left = `calc(${end}% + 6px)`;
  else if (begin >= 12) length.style.right = `calc(${100 - begin}% + 6px)`;
  else length.style.left = `calc(${begin}% + 6px)`;
  return [element, length];
}

function mark({ at, total }) {
  const element = h("span", { class: "mark" });
  element.style.left = `${share(at, total)}%`;
  return element;
}

// One event: its fields, and its data when it is opened.

import * as api from "./api.js";
import { h, put } from "./dom.js";
import { fillLines, size, span } from "./text.js";

// More than that is shown when it is asked for.
const COLLAPSED_CHARACTERS = 4096;

/** An event of a request, closed or open. Data is asked for when it is opened first. */
export function event(request, entry, isOpen) {
  const body = h("div", { class: "event-body" });
  let loaded = false;
  const load = async () => {
    if (loaded || !element.open) return;
    loaded = true;
    put(body, h("p", { class: "faint" }, "Reading…"));
    try {
      const { data, extensions } = await api.get("event", { request, key: entry.key });
      put(body, fields(entry), block("Data", data), extensions !== null && block("Further fields", extensions));
    } catch (error) {
      if (!(error instanceof api.Refused)) throw error;
      loaded = false;
      put(body, h("p", { class: "bad" }, error.message));
    }
  };
  const about = `${entry.source} · +${span(entry.offsetMicroseconds)} · ${size(entry.bytes)}`;
  const summary = h("summary", null, h("span", { class: "type" }, entry.type), h("span", { class: "faint" }, about));
  const element = h("details", { class: "event", ontoggle: load }, summary, body);
  element.open = isOpen;
  return element;
}

function fields(entry) {
  const rows = [["Id", entry.id], ["Timestamp", entry.timestamp], ["Key", entry.key]];
  return h("dl", null, rows.map(([name, value]) => [h("dt", null, name), h("dd", { class: "mono" }, value)]));
}

/** Text of any length in a box of one height. */
export function block(title, text) {
  const pre = h("pre", { tabindex: 0, "aria-label": title });
  const isLong = text.length > COLLAPSED_CHARACTERS;
  fillLines(pre, isLong ? text.slice(0, COLLAPSED_CHARACTERS) : text);
  const all = isLong && h("button", { type: "button", class: "quiet", onclick: () => {
    pre.replaceChildren();
    fillLines(pre, text);
    all.remove();
    pre.focus();
  } }, `Show all ${size(new Blob([text]).size)}`);
  return h("div", { class: "block" }, h("h4", null, title), pre, all);
}

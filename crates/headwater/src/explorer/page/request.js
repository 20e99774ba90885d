// One request: its calls as a waterfall, and the events of the call that is selected.

import * as api from "./api.js";
import { h, put } from "./dom.js";
import { event } from "./event.js";
import { Grid } from "./grid.js";
import { note } from "./route.js";
import { clock, counted, span } from "./text.js";
import { cells, rows } from "./waterfall.js";

/** The axis has a mark at each quarter. */
const TICKS = 4;
/** A row with more events than these shows them closed. */
const OPEN_EVENTS = 4;

export function request(page, id) {
  const summary = h("p", { class: "summary" });
  const verdict = h("div", { class: "verdict", hidden: true });
  const axis = h("div", { class: "axis" });
  const panel = h("aside", { class: "panel", "aria-label": "Events of the selected row" });
  const grid = new Grid({
    label: "Calls as a waterfall",
    role: "treegrid",
    height: 30,
    columns: [
      { title: "Call", width: "minmax(13rem, 24rem)" },
      { title: "Ended", width: "6.5rem" },
      { title: axis, width: "minmax(12rem, 1fr)", class: "timeline" },
    ],
    key: (item) => item.key,
    cells,
    attributes: (item) => ({ "aria-level": item.depth + 1, "data-culprit": item.isCulprit || null }),
    selected: (item) => item.key === selected,
    open: (item) => select(item, true),
    focus: (item) => select(item),
  });
  const heading = h("h1", { tabindex: -1 }, "Request ", h("span", { class: "mono" }, id));
  const element = h("section", { class: "view fill" },
    h("div", { class: "title" }, h("a", { href: page.list, class: "back" }, "Requests"), heading),
    summary, verdict, h("div", { class: "panes" }, grid.element, panel));
  let flow = null;
  let said = "";
  let selected = null;
  let query = {};

  async function load(signal) {
    const answer = await api.get("request", { id }, signal);
    page.read(answer.read);
    const text = JSON.stringify({ ...answer, read: null });
    if (text === said) return;
    [flow, said] = [answer, text];
    show();
  }

  function show() {
    const total = Math.max(1, flow.durationMicroseconds);
    const items = rows(flow, total);
    put(axis, Array.from({ length: TICKS + 1 }, (_, tick) => h("span", null, span(Math.round((total * tick) / TICKS)))));
    put(summary,
      flow.startedMillis !== null && `${clock(flow.startedMillis)} · `,
      [span(flow.durationMicroseconds), counted(flow.calls.length, "call"), counted(flow.entries.length, "event"), ""].join(" · "),
      h("span", { class: flow.failed ? "outcome failed" : "outcome answered" }, flow.failed ? "failed" : "did not fail"),
      flow.cut && h("strong", null, " · it has more events than are read"));
    blame();
    const wanted = items.find((item) => item.key === query.row) ?? items.find((item) => item.isCulprit) ?? items[0];
    selected = grid.active = wanted?.key ?? null;
    grid.show(items);
    if (wanted) detail(wanted);
  }

  function blame() {
    const [culprit] = flow.culprits;
    verdict.hidden = culprit === undefined;
    if (culprit === undefined) return;
    const call = flow.calls[culprit];
    const because = ({ verdict: why }) => why?.kind === "becauseOf" && why.call === culprit;
    const others = flow.calls.filter(because).length;
    put(verdict, h("strong", { class: "culprit" }, call.atFault), " is at fault: ", h("span", { class: "mono" }, name(call)),
      ` ${ended(call)}`, others > 0 && `; ${counted(others, "other call")} failed because of it`, ".");
  }

  function select(item, byHand = false) {
    if (item.key !== selected) {
      selected = item.key;
      grid.select();
      note({ row: item.key });
      detail(item);
    }
    if (byHand) panel.querySelector("summary")?.focus();
  }

  function detail(item) {
    const entries = item.entries.map((index) => flow.entries[index]);
    const about = item.call ? told(item.call) : h("h2", null, item.type);
    put(panel, about, entries.map((entry) => event(id, entry, entries.length <= OPEN_EVENTS)));
  }

  function told(call) {
    const how = ended(call);
    const attempt = call.attempt > 1 && `, attempt ${call.attempt}`;
    return [
      h("h2", null, call.service),
      h("p", null, h("span", { class: "mono" }, name(call)), ` called by ${call.caller}`, attempt),
      h("p", null, how[0].toUpperCase() + how.slice(1)),
      call.verdict && h("p", { class: "bad" }, reason(call.verdict, flow)),
    ];
  }

  const every = () => (flow?.calls.some((call) => call.outcome === "pending") ? 2 : null);
  const route = (now) => (query = now);
  return { title: `Request ${id}`, element, load, route, every, end: () => grid.end(), up: () => page.list };
}

const name = ({ method, route }) => [method, route].filter(Boolean).join(" ");

function ended({ outcome, status, error, durationMicroseconds }) {
  if (outcome === "pending") return "has no answer yet";
  if (outcome === "unanswered") return "was never answered";
  const after = durationMicroseconds === null ? "" : ` after ${span(durationMicroseconds)}`;
  if (outcome === "answered") return `answered${status === null ? "" : ` ${status}`}${after}`;
  const why = error && error !== "status" ? ` (${error})` : "";
  return `failed${status === null ? "" : ` with ${status}`}${why}${after}`;
}

function reason({ kind, call }, flow) {
  if (kind === "culprit") return "No call that it needed failed: the fault is here.";
  if (kind === "becauseOf") return `It failed because ${flow.calls[call]?.service ?? "another"} did.`;
  if (kind === "retried") return "A later attempt at the same was answered.";
  return "Its caller gave it up.";
}

// The list of requests, live, filtered and sorted.

import * as api from "./api.js";
import { h, put, say } from "./dom.js";
import { Grid } from "./grid.js";
import { moves, period } from "./period.js";
import { set, to } from "./route.js";
import { clock, counted, grouped, span } from "./text.js";

const FILTERS = ["request", "service", "type", "source", "outcome", "culprit"];
const READ_BY_NAME = ["type", "source"];
const OUTCOMES = {
  "": "Any outcome",
  failed: "Failed",
  answered: "Answered",
  pending: "Pending",
  unanswered: "Unanswered",
  dropped: "Given up",
  noted: "No calls",
};
const newest = (a, b) => b.startedMillis - a.startedMillis || (a.id < b.id ? 1 : -1);
const ORDERS = {
  started: { column: 0, by: newest },
  calls: { column: 4, by: (a, b) => b.calls - a.calls || newest(a, b) },
  duration: { column: 5, by: (a, b) => b.durationMicroseconds - a.durationMicroseconds || newest(a, b) },
};
const order = ({ sort }) => ORDERS[sort in ORDERS ? sort : "started"];

export function requests(page) {
  const filter = filters();
  const count = h("p", { class: "summary" });
  const nothing = h("div", { class: "empty", hidden: true });
  const grid = new Grid({
    label: "Requests",
    columns: [
      { title: "Started", width: "8.5rem", class: "mono", sort: () => set({ sort: null }) },
      { title: "Request", width: "minmax(11rem, 18.5rem)", class: "mono" },
      { title: "First call", width: "minmax(13rem, 2fr)" },
      { title: "Outcome", width: "7.5rem" },
      { title: "Calls", width: "4.5rem", class: "number", sort: () => set({ sort: "calls" }) },
      { title: "Duration", width: "6.5rem", class: "number", sort: () => set({ sort: "duration" }) },
      { title: "Culprit", width: "minmax(8rem, 1fr)" },
    ],
    key: (row) => row.id,
    cells,
    open,
  });
  const heading = h("h1", { tabindex: -1, class: "hidden" }, "Requests");
  const element = h("section", { class: "view fill" }, heading, filter.element, count, nothing, grid.element);
  let query = {};
  let known = { asked: null, version: null, rows: new Map(), culprit: null };

  function open(row) {
    page.opened = row.id;
    location.hash = to("request", row.id);
  }

  function route(now) {
    query = now;
    page.list = location.hash;
    filter.show(query);
    grid.sorted(order(query).column);
    show();
  }

  async function load(signal) {
    const question = filter.of(query);
    const asked = JSON.stringify(question);
    const after = asked === known.asked ? known.version : null;
    const answer = await api.get("requests", { ...question, after }, signal);
    const rows = answer.reset || after === null ? new Map() : known.rows;
    const before = after === null ? null : rows.size;
    for (const row of answer.rows) rows.set(row.id, row);
    for (const id of answer.removed) rows.delete(id);
    known = { asked, version: answer.version, rows, culprit: answer.culprit };
    page.read(answer.read);
    filter.offer(answer.names);
    show();
    goBack();
    if (before === null) say(counted(rows.size, "request"));
    else if (rows.size > before) say(`${counted(rows.size - before, "new request")}, ${grouped(rows.size)} in all`);
  }

  function show() {
    const list = [...known.rows.values()].sort(order(query).by);
    grid.show(list);
    const ended = (outcome) => {
      const such = list.filter((row) => row.outcome === outcome).length;
      const only = to("requests", "", { ...query, outcome });
      return such > 0 && [" · ", h("a", { href: only, class: "bad" }, `${grouped(such)} ${outcome}`)];
    };
    const isKnown = known.version !== null;
    put(count, !isKnown && "Reading…", isKnown && [
      h("strong", null, counted(list.length, "request")), ended("failed"), ended("unanswered"),
      known.culprit && [" · likeliest culprit ", h("a", { href: to("services"), class: "culprit" }, known.culprit)],
    ]);
    const isEmpty = list.length === 0 && isKnown;
    nothing.hidden = !isEmpty;
    grid.element.hidden = isEmpty;
    if (isEmpty) explain();
  }

  /** Whoever comes back from a request is where they left. */
  function goBack() {
    const index = grid.items.findIndex((row) => row.id === page.opened);
    page.opened = null;
    if (index >= 0 && document.activeElement.tagName === "H1") grid.go(index);
  }

  function explain() {
    const { request } = query;
    const lastDay = to("requests", "", { ...query, since: "1d", until: null });
    put(nothing,
      h("p", null, "No request of that time fits."),
      request && h("p", null, h("a", { href: to("request", request) }, `Look for ${request} in all of the journal`)),
      h("p", null, h("a", { href: lastDay }, "Look at the last 24 hours")));
  }

  return { title: "Requests", element, route, load, every: () => (moves(query) ? 2 : null), end: () => grid.end() };
}

/** The fields to filter by: `show(query)` shows what the address says, `of(query)` is the question that it makes. */
function filters() {
  const time = period();
  const names = ["types", "sources", "services"].map((id) => h("datalist", { id }));
  const fields = {
    request: field("request", "Request id", { "data-filter": true, class: "wide" }),
    service: field("service", "Service", { list: "services" }),
    type: field("type", "Type of event", { list: "types" }),
    source: field("source", "Source", { list: "sources" }),
  };
  const choose = { "aria-label": "Outcome", onchange: () => set({ outcome: outcome.value }) };
  const outcome = h("select", choose, Object.entries(OUTCOMES).map(([value, name]) => h("option", { value }, name)));
  const culprit = h("button", { type: "button", class: "chip", onclick: () => set({ culprit: null }) });
  const none = Object.fromEntries(FILTERS.map((name) => [name, null]));
  const clear = h("button", { type: "button", class: "quiet", onclick: () => set(none) }, "Clear");
  const element = h("form", { class: "filters", role: "search", "aria-label": "Filter the requests", onsubmit: open },
    time.element, Object.values(fields), outcome, culprit, clear, names);

  function field(name, label, more) {
    // Types and sources are read from an index of their own: half a name would be asked for in vain.
    const isWhole = (input) => !READ_BY_NAME.includes(name) || input.value === "" || offers(input);
    const oninput = ({ target }) => isWhole(target) && set({ [name]: target.value });
    const onchange = ({ target }) => set({ [name]: target.value });
    const plain = { type: "search", placeholder: label, autocomplete: "off", spellcheck: "false" };
    return h("input", { ...plain, "aria-label": label, oninput, onchange, ...more });
  }

  function offers({ list, value }) {
    return [...list.options].some((option) => option.value === value);
  }

  function open(event) {
    event.preventDefault();
    const id = fields.request.value.trim();
    if (id && document.activeElement === fields.request) location.hash = to("request", id);
  }

  function show(query) {
    time.show(query);
    for (const [name, input] of Object.entries(fields)) {
      if (document.activeElement !== input) input.value = query[name] ?? "";
    }
    outcome.value = query.outcome ?? "";
    culprit.hidden = !query.culprit;
    put(culprit, `Culprit: ${query.culprit}`, h("span", { role: "img", "aria-label": "remove" }, " ×"));
    clear.hidden = !FILTERS.some((name) => query[name]);
  }

  function offer(known) {
    for (const list of names) put(list, known[list.id].map((value) => h("option", { value })));
  }

  const of = (query) => ({ ...time.of(query), ...Object.fromEntries(FILTERS.map((name) => [name, query[name]])) });
  return { element, show, offer, of };
}

function cells(row) {
  return [
    row.startedMillis === null ? "" : clock(row.startedMillis),
    h("a", { href: to("request", row.id), tabindex: -1 }, row.id),
    firstCall(row),
    h("span", { class: `outcome ${row.outcome}` }, OUTCOMES[row.outcome].toLowerCase()),
    grouped(row.calls),
    span(row.durationMicroseconds),
    row.culprit === null ? "" : h("span", { class: "culprit" }, row.culprit),
  ];
}

/** `GET /orders/{id} gateway → orders`. */
function firstCall({ caller, service, method, route, events }) {
  if (service === null) return h("span", { class: "faint" }, counted(events, "event"));
  const what = [method && h("span", { class: "method" }, method), " ", route, " "];
  return h("span", null, what, h("span", { class: "faint" }, `${caller} → `), service);
}

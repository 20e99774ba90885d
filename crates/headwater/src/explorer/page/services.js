// The services: how often and how slowly each answers over time, and which is at fault.

import * as api from "./api.js";
import { sparkline } from "./chart.js";
import { h, put } from "./dom.js";
import { Grid } from "./grid.js";
import { moves, period } from "./period.js";
import { to } from "./route.js";
import { counted, grouped, percent, span } from "./text.js";

export function services(page) {
  const time = period();
  const verdict = h("div", { class: "verdict", hidden: true });
  const nothing = h("p", { class: "empty", hidden: true }, "No service was called in that time.");
  const grid = new Grid({
    label: "Services",
    height: 48,
    columns: [
      { title: "Service", width: "minmax(12rem, 1.4fr)" },
      { title: "Calls", width: "6rem", class: "number" },
      { title: "Failure rate", width: "6.5rem", class: "number" },
      { title: "over time", width: "minmax(7rem, 1fr)" },
      { title: "p50", width: "5.5rem", class: "number" },
      { title: "p99", width: "5.5rem", class: "number" },
      { title: "over time", width: "minmax(7rem, 1fr)" },
      { title: "At fault in", width: "7.5rem", class: "number" },
    ],
    key: (one) => one.name,
    cells,
    attributes: (one) => ({ "data-culprit": one.culprit > 0 || null }),
    open: (one) => (location.hash = to("services", one.name, time.of(query))),
  });
  const fields = h("form", { class: "filters", onsubmit: (event) => event.preventDefault() }, time.element);
  const heading = h("h1", { tabindex: -1, class: "hidden" }, "Services");
  const element = h("section", { class: "view fill" }, heading, fields, verdict, nothing, grid.element);
  let query = {};
  let worstRate = 0;

  function cells(one) {
    const link = h("a", { href: to("services", one.name, time.of(query)), tabindex: -1 }, one.name);
    const rates = one.buckets.map((bucket) => bucket.failureRate);
    const latencies = one.buckets.map((bucket) => bucket.p99Microseconds);
    return [
      h("span", null, one.culprit > 0 && h("span", { class: "flag" }, "culprit"), link),
      grouped(one.calls),
      h("span", { class: one.failureRate > 0 ? "bad" : "faint" }, share(one.failureRate)),
      sparkline(rates, { top: worstRate, kind: "failures", words: failures(one) }),
      span(one.p50Microseconds),
      span(one.p99Microseconds),
      sparkline(latencies, { kind: "latency", words: latency(one) }),
      one.culprit > 0 && h("a", { href: failed(one, query), tabindex: -1, class: "bad", "data-own": true }, counted(one.culprit, "request")),
    ];
  }

  async function load(signal) {
    const answer = await api.get("services", time.of(query), signal);
    page.read(answer.read);
    nothing.hidden = answer.services.length > 0;
    grid.element.hidden = answer.services.length === 0;
    // All lines have one scale, so that the services can be compared.
    const rates = answer.services.flatMap((one) => one.buckets.map((bucket) => bucket.failureRate ?? 0));
    worstRate = Math.max(0.05, ...rates);
    grid.show(answer.services);
    const [first] = answer.services;
    verdict.hidden = !(first?.culprit > 0);
    if (!verdict.hidden) put(verdict, blame(first, query));
  }

  const route = (now) => {
    query = now;
    time.show(now);
  };
  return { title: "Services", element, load, route, every: () => (moves(query) ? 5 : null), end: () => grid.end() };
}

/** Why a service is the culprit, and where one sees that. */
export function blame(one, query) {
  const { evidence } = one;
  const latest = evidence && h("a", { class: "button", href: to("request", evidence.requestId) }, "Open the latest");
  const these = one.culprit === 1 ? "Show that request" : "Show these requests";
  const which = one.culprit === one.overloaded ? "was at its own limit" : "was the first to fail";
  const why = ` is the likeliest culprit: in ${counted(one.culprit, "request")} it ${which}.`;
  const rate = one.failureRate !== null && ` ${percent(one.failureRate)} of its calls failed.`;
  return [
    h("p", null, h("strong", { class: "culprit" }, one.name), why, rate),
    h("p", { class: "actions" }, h("a", { class: "button", href: failed(one, query) }, these), latest),
  ];
}

/** The requests whose first failure is a service's fault. */
const failed = (one, { since, until }) => to("requests", "", { since, until, culprit: one.name });

/** What the line of failures shows, in words. */
export const failures = (one) => `Failure rate over time: ${trend(one, "failureRate", percent)}`;

/** What the line of latencies shows, in words. */
export const latency = (one) => `p99 over time: ${trend(one, "p99Microseconds", span)}`;

const share = (rate) => (rate === null ? "–" : percent(rate));

function trend({ buckets }, figure, format) {
  const known = buckets.map((bucket) => bucket[figure]).filter((value) => value !== null);
  if (known.length === 0) return "nothing is known";
  return `from ${format(known[0])} to ${format(known.at(-1))}, at most ${format(Math.max(...known))}`;
}

// One service over time.

import * as api from "./api.js";
import { chart } from "./chart.js";
import { h, put } from "./dom.js";
import { moves, period } from "./period.js";
import { to } from "./route.js";
import { blame, failures, latency } from "./services.js";
import { grouped, percent, span } from "./text.js";

export function service(page, name) {
  const time = period();
  const body = h("div", { class: "stack" });
  const fields = h("form", { class: "filters", onsubmit: (event) => event.preventDefault() }, time.element);
  const back = h("a", { href: to("services"), class: "back" }, "Services");
  const title = h("div", { class: "title" }, back, h("h1", { tabindex: -1 }, name));
  const element = h("section", { class: "view" }, title, fields, body);
  let query = {};

  async function load(signal) {
    const answer = await api.get("services", time.of(query), signal);
    page.read(answer.read);
    const one = answer.services.find((other) => other.name === name);
    if (one) show(one, answer);
    else put(body, h("p", { class: "empty" }, "It was not called in that time."));
  }

  function show(one, { timesMillis: times, bucketSeconds }) {
    const values = (figure) => one.buckets.map((bucket) => bucket[figure]);
    const charts = [
      {
        title: "Failure rate",
        format: percent,
        words: failures(one),
        lines: [{ values: values("failureRate"), kind: "failures", name: "failure rate" }],
      },
      {
        title: "Latency",
        format: (value) => span(Math.round(value)),
        words: latency(one),
        lines: [
          { values: values("p99Microseconds"), kind: "latency", name: "p99" },
          { values: values("p50Microseconds"), kind: "median", name: "p50" },
        ],
      },
      {
        title: `Calls in ${span(bucketSeconds * 1e6)}`,
        format: grouped,
        words: `${grouped(one.calls)} calls over time`,
        lines: [{ values: values("calls"), kind: "calls", name: "calls" }],
      },
    ];
    const all = to("requests", "", { ...time.of(query), service: name });
    put(body,
      one.culprit > 0 && h("div", { class: "verdict" }, blame(one, query)),
      facts(one),
      h("div", { class: "charts" }, charts.map((one) => chart({ ...one, times }))),
      h("p", null, h("a", { href: all }, "All requests that called it")));
  }

  const route = (now) => {
    query = now;
    time.show(now);
  };
  const up = () => to("services", "", time.of(query));
  return { title: `Service ${name}`, element, load, route, every: () => (moves(query) ? 5 : null), up };
}

function facts(one) {
  const all = {
    Calls: grouped(one.calls),
    "A second": one.callsPerSecond.toFixed(1),
    Failed: grouped(one.failed),
    Unanswered: grouped(one.unanswered),
    Pending: grouped(one.pending),
    Retried: grouped(one.retried),
    "Failure rate": one.failureRate === null ? "–" : percent(one.failureRate),
    p50: span(one.p50Microseconds),
    p99: span(one.p99Microseconds),
  };
  const pairs = Object.entries(all).map(([title, value]) => h("div", null, h("dt", null, title), h("dd", null, value)));
  return h("dl", { class: "facts" }, pairs);
}

// The part of the journal that is looked at: an age, or two times.

import { h, put } from "./dom.js";
import { set } from "./route.js";
import { local } from "./text.js";

const AGES = {
  "5m": "Last 5 minutes",
  "15m": "Last 15 minutes",
  "1h": "Last hour",
  "6h": "Last 6 hours",
  "1d": "Last 24 hours",
  "7d": "Last 7 days",
};
const BETWEEN = "between";

/** Fields to choose it by; `show(query)` shows what the address says, `of(query)` is that alone. */
export function period() {
  const between = h("span", { class: "between", hidden: true });
  const ages = Object.entries(AGES).map(([value, name]) => h("option", { value }, name));
  const named = { "aria-label": "Time", onchange: () => choose(choice.value) };
  const choice = h("select", named, ages, h("option", { value: BETWEEN }, "Between…"));
  const time = (name, label) => {
    const onchange = ({ target }) => at(name, target.value);
    return h("input", { type: "datetime-local", step: 1, "aria-label": label, onchange });
  };
  const since = time("since", "From");
  const until = time("until", "To");
  put(between, since, " – ", until);

  function choose(value) {
    if (value !== BETWEEN) set({ since: value, until: null });
    else set({ since: new Date(Date.now() - 3_600_000).toISOString(), until: new Date().toISOString() });
  }

  function at(name, value) {
    if (value) set({ [name]: new Date(value).toISOString() });
  }

  function show(query) {
    const age = query.since ?? "15m";
    const isAge = age in AGES && !query.until;
    choice.value = isAge ? age : BETWEEN;
    between.hidden = isAge;
    for (const [field, text] of [[since, query.since], [until, query.until]]) {
      const millis = Date.parse(text);
      if (!Number.isNaN(millis) && document.activeElement !== field) field.value = local(millis);
    }
  }

  const of = ({ since: begin = "15m", until: end }) => ({ since: begin, until: end });
  return { element: h("span", { class: "period" }, choice, between), show, of };
}

/** Whether the end of what is looked at moves on. */
export const moves = ({ until }) => !until;

// Lines over time as SVG, each with words for those who do not see it.

import { h, svg } from "./dom.js";
import { minute } from "./text.js";

/** A row's small line: `values` from 0 to `top`, null where nothing was. `words` say what it shows. */
export function sparkline(values, { top, kind, words, width = 120, height = 24 }) {
  const ceiling = top || Math.max(...values.filter((value) => value !== null), 0) || 1;
  const x = (index) => (values.length < 2 ? width / 2 : 1 + (index / (values.length - 1)) * (width - 2));
  const y = (value) => height - 2 - (Math.min(value, ceiling) / ceiling) * (height - 4);
  const box = { class: `spark ${kind}`, viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none" };
  return svg("svg", { ...box, role: "img", "aria-label": words },
    svg("line", { class: "base", x1: 0, x2: width, y1: height - 1.5, y2: height - 1.5 }),
    svg("path", { class: "area", d: area(values, x, y, height - 2) }),
    svg("path", { class: "line", d: line(values, x, y) }));
}

/** The path through the values, broken where nothing was; a value alone is a dot. */
function line(values, x, y) {
  let path = "";
  values.forEach((value, index) => {
    if (value === null) return;
    const alone = (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null;
    const begins = (values[index - 1] ?? null) === null;
    path += `${begins ? "M" : "L"}${x(index).toFixed(1)} ${y(value).toFixed(1)}${alone ? "h0.01" : ""}`;
  });
  return path;
}

function area(values, x, y, base) {
  let path = "";
  values.forEach((value, index) => {
    if (value === null) return;
    const begins = (values[index - 1] ?? null) === null;
    const ends = (values[index + 1] ?? null) === null;
    const at = x(index).toFixed(1);
    path += `${begins ? `M${at} ${base}` : ""}L${at} ${y(value).toFixed(1)}${ends ? `L${at} ${base}Z` : ""}`;
  });
  return path;
}

/** A large chart: `lines` are `{ values, kind, name }` at the instants `times`; `format` writes a value. */
export function chart({ title, times, lines, top, format, words }) {
  const width = 460;
  const height = 180;
  const [left, right, above, bottom] = [56, 8, 10, 22];
  const all = lines.flatMap((one) => one.values).filter((value) => value !== null);
  const ceiling = nice(top ?? Math.max(...all, 0));
  const x = (index) => left + (times.length < 2 ? 0.5 : index / (times.length - 1)) * (width - left - right);
  const y = (value) => above + (1 - Math.min(value, ceiling) / ceiling) * (height - above - bottom);
  const parts = [];
  for (const share of [0, 0.5, 1]) {
    const at = y(ceiling * share);
    parts.push(svg("line", { class: "base", x1: left, x2: width - right, y1: at, y2: at }));
    parts.push(svg("text", { x: left - 8, y: at + 4, "text-anchor": "end" }, format(ceiling * share)));
  }
  const labels = times.length > 1 ? [0, Math.floor((times.length - 1) / 2), times.length - 1] : [0];
  labels.forEach((index, at) => {
    const anchor = at === 0 ? "start" : at === labels.length - 1 ? "end" : "middle";
    parts.push(svg("text", { x: x(index), y: height - 4, "text-anchor": anchor }, minute(times[index])));
  });
  for (const { values, kind } of lines) {
    parts.push(svg("path", { class: `area ${kind}`, d: area(values, x, y, y(0)) }));
    parts.push(svg("path", { class: `line ${kind}`, d: line(values, x, y) }));
  }
  const names = lines.map(({ name, kind }) => h("span", { class: kind }, name));
  const legend = lines.length > 1 && h("p", { class: "legend", "aria-hidden": "true" }, names);
  return h("figure", { class: "chart" }, h("figcaption", null, title, legend),
    svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words }, parts));
}

/** The next larger round number. */
function nice(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

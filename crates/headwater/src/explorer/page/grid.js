// A grid of which only the rows in sight are in the document, however many there are. Rows have one height.

import { h, put } from "./dom.js";

// Rows beyond the edges, so that a scroll finds them there.
const BEYOND = 8;

export class Grid {
  /**
   * `columns` are `{ title, width, class, sort }`, `cells(item)` the contents of a row, `key(item)` what tells it from
   * others, `open(item)` what Enter and a click do, `focus(item)` what moving to it does, `selected(item)` whether it is
   * marked.
   */
  constructor({ label, columns, cells, key, height = 34, open, focus, selected, attributes, role = "grid" }) {
    Object.assign(this, { columns, cells, key, height, open, focus, selected, attributes });
    this.items = [];
    this.rows = new Map();
    this.active = null;
    this.space = h("div", { class: "grid-space", role: "presentation" });
    this.body = h("div", { class: "grid-body", role: "rowgroup" }, this.space);
    this.head = h("div", { class: "grid-head", role: "rowgroup" }, this.header());
    const named = { "aria-label": label, "aria-colcount": columns.length };
    this.element = h("div", { class: "grid", role, ...named }, this.head, this.body);
    this.element.style.setProperty("--columns", columns.map((column) => column.width ?? "1fr").join(" "));
    this.element.style.setProperty("--row", `${height}px`);
    this.body.addEventListener("scroll", () => this.soon(), { passive: true });
    this.body.addEventListener("keydown", (event) => this.press(event));
    this.body.addEventListener("focusin", (event) => this.reach(event.target.closest("[role=row]")));
    this.body.addEventListener("click", (event) => this.click(event));
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.body);
  }

  header() {
    const cells = this.columns.map((column, index) => {
      const sorted = column.sort && "none";
      const attributes = { role: "columnheader", class: column.class, "aria-colindex": index + 1, "aria-sort": sorted };
      if (!column.sort) return h("div", attributes, column.title);
      const arrow = h("span", { "aria-hidden": "true", class: "arrow" });
      return h("div", attributes, h("button", { type: "button", onclick: column.sort }, column.title, arrow));
    });
    return h("div", { role: "row", "aria-rowindex": 1 }, cells);
  }

  /** Says which column the rows are sorted by, the largest first. */
  sorted(index) {
    if (this.sortedBy === index) return;
    this.sortedBy = index;
    // The button that was pressed keeps the focus.
    [...this.head.firstChild.children].forEach((cell, at) => {
      if (this.columns[at].sort) cell.setAttribute("aria-sort", at === index ? "descending" : "none");
    });
  }

  /** Shows these. What was in sight stays in place, whatever came above it. */
  show(items) {
    const first = this.body.scrollTop > 0 ? Math.floor(this.body.scrollTop / this.height) : -1;
    const anchor = this.items[first] && this.key(this.items[first]);
    const held = anchor === undefined ? -1 : items.findIndex((item) => this.key(item) === anchor);
    const active = this.active === null ? 0 : items.findIndex((item) => this.key(item) === this.active);
    const hadFocus = this.active !== null && this.space.contains(document.activeElement);
    const was = this.index;
    this.items = items;
    this.index = Math.max(0, active);
    if (active < 0) this.active = null;
    this.element.setAttribute("aria-rowcount", items.length + 1);
    this.space.style.height = `${items.length * this.height}px`;
    if (held > first) this.body.scrollTop += (held - first) * this.height;
    this.draw();
    // The row with the focus has gone: the keyboard goes on where it was.
    if (hadFocus && active < 0) this.go(was);
  }

  soon() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.drawing = null;
    const top = Math.floor(this.body.scrollTop / this.height) - BEYOND;
    const bottom = Math.ceil((this.body.scrollTop + this.body.clientHeight) / this.height) + BEYOND;
    const shown = new Set();
    for (let index = Math.max(0, top); index < Math.min(this.items.length, bottom); index++) shown.add(index);
    // The row with the focus is kept, wherever it is, or the focus would be lost.
    if (this.index < this.items.length) shown.add(this.index);
    const keys = new Map([...shown].sort((a, b) => b - a).map((index) => [this.key(this.items[index]), index]));
    for (const [key, row] of this.rows) if (!keys.has(key)) row.element.remove();
    const kept = new Map();
    // From the last on, so that each row finds the one that it comes before: who reads the document finds them in order.
    let after = null;
    for (const [key, index] of keys) {
      const row = this.rows.get(key) ?? { element: h("div", { role: "row" }) };
      this.place(row, this.items[index], index);
      // The row with the focus stays, or the focus would be lost.
      const stays = row.element.nextSibling === after || row.element.contains(document.activeElement);
      if (!row.element.isConnected || !stays) this.space.insertBefore(row.element, after);
      after = row.element;
      kept.set(key, row);
    }
    this.rows = kept;
  }

  place(row, item, index) {
    const { element } = row;
    if (row.index !== index) {
      element.style.transform = `translateY(${index * this.height}px)`;
      element.setAttribute("aria-rowindex", index + 2);
      row.index = index;
    }
    element.tabIndex = index === this.index ? 0 : -1;
    if (this.selected) element.setAttribute("aria-selected", this.selected(item));
    if (row.item === item) return;
    row.item = item;
    const attributes = (at) => ({ role: "gridcell", class: this.columns[at].class, "aria-colindex": at + 1 });
    put(element, this.cells(item).map((content, at) => h("div", attributes(at), content)));
    for (const [name, value] of Object.entries(this.attributes?.(item) ?? {})) {
      if (value === null) element.removeAttribute(name);
      else element.setAttribute(name, value);
    }
  }

  /** Marks what is selected now. */
  select() {
    for (const { element, item } of this.rows.values()) element.setAttribute("aria-selected", this.selected(item));
  }

  item(row) {
    return row && this.items[Number(row.getAttribute("aria-rowindex")) - 2];
  }

  reach(row) {
    const item = this.item(row);
    if (item === undefined) return;
    this.index = Number(row.getAttribute("aria-rowindex")) - 2;
    this.active = this.key(item);
    for (const other of this.rows.values()) other.element.tabIndex = other.element === row ? 0 : -1;
    this.focus?.(item);
  }

  click(event) {
    // A click on a link with a modifier opens a tab: that is the browser's. So is one on a link that leads elsewhere.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button > 0 || String(getSelection())) return;
    const item = this.item(event.target.closest("[role=row]"));
    if (item === undefined || event.target.closest("a[data-own]")) return;
    event.preventDefault();
    this.open?.(item);
  }

  press(event) {
    const page = Math.max(1, Math.floor(this.body.clientHeight / this.height) - 1);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in moves) {
      event.preventDefault();
      this.go(this.index + moves[event.key]);
    } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && this.items[this.index]) {
      event.preventDefault();
      this.open?.(this.items[this.index]);
    }
  }

  /** Moves the focus to a row. */
  go(index) {
    if (this.items.length === 0) return;
    this.index = Math.min(this.items.length - 1, Math.max(0, index));
    const { scrollTop, clientHeight } = this.body;
    const top = this.index * this.height;
    if (top < scrollTop) this.body.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight) this.body.scrollTop = top + this.height - clientHeight;
    this.draw();
    this.rows.get(this.key(this.items[this.index])).element.focus({ preventScroll: true });
  }

  /** Ends what it watches. */
  end() {
    this.observer.disconnect();
    if (this.drawing) cancelAnimationFrame(this.drawing);
  }
}

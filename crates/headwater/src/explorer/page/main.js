// The page: which view is shown, when it asks again, and the keys that work everywhere.

import * as api from "./api.js";
import { deadLetters } from "./dead_letters.js";
import { h, put, say } from "./dom.js";
import { request } from "./request.js";
import { requests } from "./requests.js";
import { here, to } from "./route.js";
import { service } from "./service.js";
import { services } from "./services.js";
import { clock, counted, grouped, size } from "./text.js";

const main = document.getElementById("main");
const liveButton = document.getElementById("live");
const shown = { view: null, place: null, live: true, timer: null, asking: null };

/** What a view is given of the page: among it the list that one goes back to from a request, and which that was. */
const page = { environment: null, list: to("requests"), opened: null, refresh: () => refresh(), read: tellRead };

const views = {
  requests: () => requests(page),
  request: (id) => request(page, id),
  services: (id) => (id ? service(page, id) : services(page)),
  "dead-letters": () => deadLetters(page),
};

function navigate() {
  const { view, id, query } = here();
  if (!(view in views)) {
    location.replace(to("requests"));
    return;
  }
  const place = `${view}/${id}`;
  if (shown.place !== place) {
    shown.asking?.abort();
    shown.view?.end?.();
    shown.view = views[view](id);
    shown.place = place;
    put(main, shown.view.element);
    document.title = `${shown.view.title} · Headwater explorer`;
    mark(view);
    say(shown.view.title);
    // The keyboard goes on where the new view begins.
    main.querySelector("h1")?.focus({ preventScroll: true });
  }
  shown.view.route(query);
  refresh();
}

function mark(view) {
  const group = view === "request" ? "requests" : view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === group) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Asks for what the view shows, then again after the time that the view says, while it is seen. */
async function refresh() {
  clearTimeout(shown.timer);
  shown.asking?.abort();
  const asking = (shown.asking = new AbortController());
  const { view } = shown;
  try {
    await view.load(asking.signal);
    if (asking.signal.aborted) return;
    view.element.querySelector(":scope > .problem")?.remove();
  } catch (error) {
    if (error.name === "AbortError" || asking.signal.aborted) return;
    if (!(error instanceof api.Refused)) throw error;
    complain(view, error);
  }
  again(view.every?.());
}

function again(seconds) {
  const isSeen = document.visibilityState === "visible";
  if (seconds && shown.live && isSeen) shown.timer = setTimeout(refresh, seconds * 1000);
}

function complain(view, error) {
  const problem = h("section", { class: "problem", role: "alert" },
    h("p", null, h("strong", null, error.message)),
    error.because.map((cause) => h("p", null, `because: ${cause}`)),
    error.help && h("p", null, error.help),
    h("button", { type: "button", onclick: () => refresh() }, "Try again"));
  const said = view.element.querySelector(":scope > .problem");
  // The same again is not spoken again, and its button keeps the focus.
  if (said?.textContent === problem.textContent) return;
  said?.remove();
  view.element.prepend(problem);
}

/** Says in the footer what was read of the journal for what is shown, since that is what it costs. */
function tellRead({ events, bytes, skipped, cutAtMillis, allBytes }) {
  const parts = [`${counted(events, "event")} read for this, ${size(bytes)}`, `${size(allBytes)} since the explorer began`];
  if (skipped) parts.push(`${grouped(skipped)} skipped that are no events`);
  const cut = cutAtMillis !== null && h("strong", null, ` · what is older than ${clock(cutAtMillis)} was too much to read`);
  put(document.getElementById("read"), parts.join(" · "), cut);
}

function live(on) {
  shown.live = on;
  liveButton.setAttribute("aria-pressed", on);
  put(liveButton.lastElementChild, on ? "Live" : "Paused");
  say(on ? "The page follows what happens." : "The page stays as it is.");
  if (on) refresh();
  else clearTimeout(shown.timer);
}

async function countDead() {
  if (document.visibilityState === "visible") {
    try {
      const { waiting } = await api.get("dead-letters/depth");
      const count = document.getElementById("dead");
      count.hidden = waiting === 0;
      put(count, grouped(waiting));
      count.setAttribute("aria-label", counted(waiting, "message"));
    } catch (error) {
      // The view says what is wrong when somebody goes there.
      if (!(error instanceof api.Refused)) throw error;
    }
  }
  setTimeout(countDead, 15_000);
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    const filter = main.querySelector("[data-filter]");
    if (filter) filter.focus();
    else location.hash = to("requests");
  } else if (event.key === "Escape") {
    if (typing) main.querySelector(".grid-body [tabindex='0']")?.focus();
    else if (shown.view.up) location.hash = shown.view.up();
  }
}

async function begin() {
  // The printed address, opened where this page is already: only what is behind # changes, which loads nothing.
  window.addEventListener("hashchange", (event) => {
    if (!location.hash.startsWith("#token=")) return;
    event.stopImmediatePropagation();
    location.reload();
  });
  if (!(await api.unlock())) {
    put(main, h("section", { class: "problem" },
      h("h1", null, "This page needs its key"),
      h("p", null, "Open the address that ", h("code", null, "cargo xtask explore"), " printed. It ends in ", h("code", null, "#token=…"), ".")));
    return;
  }
  window.addEventListener("hashchange", navigate);
  document.addEventListener("keydown", press);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && shown.live && refresh());
  liveButton.addEventListener("click", () => live(!shown.live));
  try {
    page.environment = await api.get("environment");
  } catch (error) {
    if (!(error instanceof api.Refused)) throw error;
    const help = error.help && h("p", null, error.help);
    put(main, h("section", { class: "problem", role: "alert" }, h("h1", null, error.message), help));
    return;
  }
  const { name, account, region, local, readOnly } = page.environment;
  const badge = readOnly && h("span", { class: "badge" }, "read-only");
  const environment = h("strong", { class: local ? "local" : "remote" }, name);
  put(document.getElementById("environment"), environment, ` ${account} · ${region}`, badge);
  navigate();
  countDead();
}

begin();

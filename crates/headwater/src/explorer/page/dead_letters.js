// The dead-letter queue: what lies there and why, and back to the queue with it, once somebody has said yes.

import * as api from "./api.js";
import { h, put, say } from "./dom.js";
import { block } from "./event.js";
import { Grid } from "./grid.js";
import { ago, clock, counted, size } from "./text.js";

const CAUSES = {
  rejected: "It can never be stored as it is.",
  exhausted: "It failed on each of its receives. Sent again, it may well be stored.",
  unknown: "It carries no reason.",
};

export function deadLetters(page) {
  const { readOnly, deadLetterQueue } = page.environment;
  const summary = h("p", { class: "summary" });
  const nothing = h("p", { class: "empty", hidden: true }, "The dead-letter queue is empty.");
  const panel = h("aside", { class: "panel", "aria-label": "The selected message" });
  const again = h("button", { type: "button", onclick: () => look() }, "Look again");
  // Until it is known what there is to move.
  const asks = { type: "button", id: "redrive", disabled: true, onclick: () => ask(page, answer, look) };
  const redrive = !readOnly && h("button", asks, "Redrive…");
  const grid = new Grid({
    label: "Dead letters",
    columns: [
      { title: "Sent", width: "8rem" },
      { title: "Cause", width: "6.5rem" },
      { title: "Reason", width: "minmax(14rem, 2fr)" },
      { title: "Message", width: "minmax(10rem, 1fr)", class: "mono" },
    ],
    key: (letter) => letter.id,
    cells: (letter) => [
      letter.sentAtMillis === null ? "" : ago(letter.sentAtMillis),
      h("span", { class: `outcome ${letter.cause}` }, letter.cause),
      letter.reason,
      letter.preview,
    ],
    selected: (letter) => letter.id === selected,
    open: (letter) => select(letter),
    focus: (letter) => select(letter),
  });
  const panes = h("div", { class: "panes", hidden: true }, grid.element, panel);
  const title = h("div", { class: "title" }, h("h1", { tabindex: -1 }, "Dead letters"), again, redrive);
  const element = h("section", { class: "view fill" }, title, summary, nothing, panes);
  let selected = null;
  let answer = null;
  let fresh = false;

  // A look receives the messages, which hides them from others for a moment: it is made when somebody comes or asks.
  async function load(signal) {
    if (answer !== null && !fresh) return;
    put(summary, "Looking…");
    answer = await api.get("dead-letters", { fresh: fresh || null }, signal);
    fresh = false;
    show();
  }

  function look() {
    fresh = true;
    page.refresh();
  }

  function show() {
    const { letters } = answer;
    const count = waiting(answer);
    put(summary, h("strong", null, counted(count, "message")), " in ", h("span", { class: "mono" }, deadLetterQueue),
      letters.length < count && `, of which ${letters.length} are shown`, ` · looked at ${clock(answer.atMillis)}`);
    nothing.hidden = letters.length > 0;
    panes.hidden = letters.length === 0;
    if (redrive) redrive.disabled = count === 0;
    const kept = letters.find((letter) => letter.id === selected) ?? letters[0];
    selected = kept?.id ?? null;
    grid.show(letters);
    if (kept) detail(kept);
    say(`${counted(count, "message")} in the dead-letter queue`);
  }

  function select(letter) {
    if (letter.id === selected) return;
    selected = letter.id;
    grid.select();
    detail(letter);
  }

  async function detail(letter) {
    put(panel,
      h("h2", null, "Why it is here"),
      h("p", { class: "bad" }, letter.reason),
      h("p", null, CAUSES[letter.cause]),
      h("dl", null,
        h("dt", null, "Message id"), h("dd", { class: "mono" }, letter.id),
        h("dt", null, "Size"), h("dd", null, size(letter.bytes))));
    let body;
    try {
      body = block("Body as it was sent", (await api.get("dead-letter", { id: letter.id })).body);
    } catch (error) {
      if (!(error instanceof api.Refused)) throw error;
      body = h("p", { class: "bad" }, error.message);
    }
    if (selected === letter.id) panel.append(body);
  }

  return { title: "Dead letters", element, load, route: () => {}, end: () => grid.end() };
}

/** How many there are: SQS's number is approximate. */
const waiting = (answer) => Math.max(answer.waiting, answer.letters.length);

/** Asks whether they shall be moved, and moves them. */
function ask(page, answer, done) {
  const { name, account, region, deadLetterQueue, eventQueue } = page.environment;
  const messages = counted(waiting(answer), "message");
  const rejected = answer.letters.filter((letter) => letter.cause === "rejected").length;
  const said = h("p", { role: "status" });
  const yes = h("button", { type: "button", class: "primary", onclick: move }, `Move ${messages}`);
  const no = h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Cancel");
  const dialog = h("dialog", { "aria-labelledby": "question", onclose: () => dialog.remove() },
    h("h2", { id: "question" }, `Move ${messages} back to the queue?`),
    h("dl", null,
      h("dt", null, "From"), h("dd", { class: "mono" }, deadLetterQueue),
      h("dt", null, "To"), h("dd", { class: "mono" }, eventQueue),
      h("dt", null, "Environment"), h("dd", null, `${name} (${account}, ${region})`)),
    rejected > 0 && h("p", null, `${counted(rejected, "message")} will come back, rejected again, unless the cause was mended.`),
    said,
    h("p", { class: "actions" }, no, yes));
  document.body.append(dialog);
  dialog.showModal();

  async function move() {
    yes.disabled = true;
    put(said, "Moving…");
    try {
      const { moved, bySqs } = await api.post("dead-letters/redrive");
      dialog.close();
      done();
      say(`${bySqs ? "SQS moves" : "Moved"} ${counted(moved, "message")} back to the queue.`);
    } catch (error) {
      if (!(error instanceof api.Refused)) throw error;
      yes.disabled = false;
      put(said, h("span", { class: "bad" }, [error.message, ...error.because, error.help].filter(Boolean).join(" ")));
    }
  }
}

// Text as people see it. An event is hostile input: what could hide or reorder text is shown as its escape.

// Controls, invisible formatting (bidirectional overrides, zero-width characters, tags), line and paragraph separators,
// private and unassigned characters, and halves of surrogate pairs.
const ODD = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}\u115f\u1160\u3164\uffa0]/gu;
const ODD_IN_LINES = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}\u115f\u1160\u3164\uffa0]/gu;

// An element for each escape of a long text could be a hundred thousand of them.
const MARKED_CHARACTERS = 4096;

const escaped = (odd) => `\\u{${odd.codePointAt(0).toString(16)}}`;

/** The text in one line, with escapes such as \u{202e}. */
export const visible = (text) => text.replace(ODD, escaped);

/** The same with line breaks and tabs as they are. */
export const visibleLines = (text) => text.replace(ODD_IN_LINES, escaped);

/** Appends the text to the element; escapes are marked, so that they are told from the same letters in the text. */
export function fill(element, text, odd = ODD) {
  if (text.length > MARKED_CHARACTERS) {
    element.append(text.replace(odd, escaped));
    return;
  }
  let end = 0;
  for (const match of text.matchAll(odd)) {
    if (match.index > end) element.append(text.slice(end, match.index));
    const mark = document.createElement("span");
    mark.className = "escape";
    mark.textContent = escaped(match[0]);
    element.append(mark);
    end = match.index + match[0].length;
  }
  if (end < text.length) element.append(text.slice(end));
}

/** Appends text with its line breaks. */
export const fillLines = (element, text) => fill(element, text, ODD_IN_LINES);

/** 1234567 as 1,234,567. */
export const grouped = (number) => number.toLocaleString("en");

/** `3 events`, `1 event`. */
export const counted = (number, one) => `${grouped(number)} ${one}${number === 1 ? "" : "s"}`;

/** A span of microseconds as people say it. */
export function span(microseconds) {
  if (microseconds === null || microseconds === undefined) return "–";
  const ms = microseconds / 1000;
  if (ms < 1) return `${microseconds} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds / 60) % 60)} min`;
}

/** Bytes as people say them. */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(bytes < 10240 ? 1 : 0)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** A share as per cent: 0 %, 0.3 %, 12 %. */
export function percent(share) {
  const hundredth = share * 100;
  return `${hundredth > 0 && hundredth < 10 ? hundredth.toFixed(1) : Math.round(hundredth)} %`;
}

const two = (number) => String(number).padStart(2, "0");

/** The time of day of an instant in milliseconds since 1970, with the day where that is not today. */
export function clock(milliseconds) {
  const at = new Date(milliseconds);
  const fraction = String(at.getMilliseconds()).padStart(3, "0");
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${fraction}`;
  return at.toDateString() === new Date().toDateString() ? time : `${day(at)} ${time}`;
}

/** The same to the minute. */
export function minute(milliseconds) {
  const at = new Date(milliseconds);
  return `${two(at.getHours())}:${two(at.getMinutes())}`;
}

const day = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;

/** An instant for an `<input type="datetime-local">`, in local time. */
export function local(milliseconds) {
  const at = new Date(milliseconds);
  return `${day(at)}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** How long ago, roughly. */
export function ago(milliseconds) {
  const seconds = Math.max(0, (Date.now() - milliseconds) / 1000);
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

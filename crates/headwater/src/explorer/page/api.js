// What this page asks of the program that serves it, and the token by which that knows it.

const KEY = "headwater-token";

/** A question that was refused, with what to do about it. */
export class Refused extends Error {
  constructor(status, { error, because = [], help = null }) {
    super(error);
    this.status = status;
    this.because = because;
    this.help = help;
  }
}

/** Takes the token out of the address bar. Another tab of this page is asked for it where this one was opened by a link. */
export async function unlock() {
  const given = /^#token=([0-9a-f]+)(#?.*)$/.exec(location.hash);
  if (given) {
    sessionStorage.setItem(KEY, given[1]);
    history.replaceState(null, "", given[2].startsWith("#/") ? given[2] : "#/requests");
  }
  // Only pages of this very address hear it.
  const channel = new BroadcastChannel(KEY);
  const token = sessionStorage.getItem(KEY) ?? (await ask(channel));
  if (token) sessionStorage.setItem(KEY, token);
  channel.onmessage = ({ data }) => {
    const known = sessionStorage.getItem(KEY);
    if (data === "?" && known) channel.postMessage(known);
  };
  return token !== null;
}

function ask(channel) {
  return new Promise((resolve) => {
    const giveUp = setTimeout(() => resolve(null), 300);
    channel.onmessage = ({ data }) => {
      if (data === "?") return;
      clearTimeout(giveUp);
      resolve(data);
    };
    channel.postMessage("?");
  });
}

/** Asks; an answer that is none is a `Refused`. */
export async function get(path, query, signal) {
  return call("GET", path, query, signal);
}

/** Changes something. */
export async function post(path) {
  return call("POST", path, {});
}

async function call(method, path, query, signal) {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const search = new URLSearchParams(given).toString();
  const headers = { Authorization: `Bearer ${sessionStorage.getItem(KEY)}` };
  let answer;
  try {
    answer = await fetch(`api/${path}${search && `?${search}`}`, { method, headers, signal, redirect: "error" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const help = "It may have ended: start it again, and open the address that it prints.";
    throw new Refused(0, { error: "The explorer does not answer.", help });
  }
  const said = await answer.json().catch(() => ({ error: `The explorer answered with status ${answer.status}.` }));
  if (!answer.ok) throw new Refused(answer.status, said);
  return said;
}

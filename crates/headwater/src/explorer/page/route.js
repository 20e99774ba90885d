// Where one is: the view and its settings, all of it in the address, so that every state is a link.

/** The address as `{ view, id, query }`. */
export function here() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const [view, ...rest] = path.split("/");
  return { view: view || "requests", id: decode(rest.join("/")), query: Object.fromEntries(new URLSearchParams(search)) };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A link to a view. */
export function to(view, id = "", query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const search = new URLSearchParams(given).toString();
  return `#/${view}${id && `/${encodeURIComponent(id)}`}${search && `?${search}`}`;
}

/** Writes settings of the view into the address. Each letter that is typed is no step of its own for the back button. */
export function note(changes) {
  const { view, id, query } = here();
  history.replaceState(history.state, "", to(view, id, { ...query, ...changes }));
}

/** The same, and the view follows. */
export function set(changes) {
  note(changes);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/**
 * Where one is: a namespace, an Instance, a conversation. It stands in the address' fragment, which no server sees,
 * so that the browser's own history and links work.
 */

/**
 * @typedef {object} Place
 * @property {string} namespace
 * @property {string} [instance]
 * @property {string} [conversation]
 */

const DEFAULT = document.documentElement.dataset.namespace ?? "default";

/** @returns {Place} */
export function here() {
  const said = new URLSearchParams(location.hash.slice(1));
  const place = { namespace: said.get("namespace") || DEFAULT };
  const [instance, conversation] = [said.get("instance"), said.get("conversation")];
  if (!instance) return place;
  return conversation ? { ...place, instance, conversation } : { ...place, instance };
}

/** The link to a place. @param {Place} place */
export function link(place) {
  return `#${new URLSearchParams({ ...place })}`;
}

/** Be there, as if one had followed a link. @param {Place} place */
export function go(place) {
  location.hash = link(place);
}

/** Be there already: a conversation that has got its id. No step for the button "back". @param {Place} place */
export function rename(place) {
  history.replaceState(null, "", link(place));
}

/**
 * The token that a link hands over (`#token=...`), which leaves the address and the history at once.
 * @returns {string | null}
 */
export function handedToken() {
  const said = new URLSearchParams(location.hash.slice(1));
  const token = said.get("token");
  if (token === null) return null;
  said.delete("token");
  history.replaceState(null, "", `#${said}`);
  return token;
}

/**
 * The list of Instances, with whether each is ready and, if not, why. It is asked for again every few seconds while
 * somebody looks; what did not change is not touched, so that focus stays where it is.
 */
import { announce } from "./announcer.js";
import { element, find, show } from "./elements.js";
import { explanation, isLoggedOut } from "./explanations.js";
import { link } from "./place.js";

/** @typedef {import("./session.js").Instance} Instance */
/** @typedef {import("./session.js").Session} Session */

const EVERY = 5_000; // milliseconds

export class Instances {
  #list = find("instances-list");
  /** @type {Map<string, {row: Instance, shown: HTMLLIElement}>} */
  #known = new Map();
  /** @type {Session | null} */
  #session = null;
  #namespace = "";
  #selected = "";
  #timer = 0;
  #changed;
  #loggedOut;

  /** @param {{changed: (row: Instance | undefined) => void, loggedOut: () => void}} told of the one that is selected */
  constructor({ changed, loggedOut }) {
    this.#changed = changed;
    this.#loggedOut = loggedOut;
    document.addEventListener("visibilitychange", () => this.#again(0));
  }

  /** Show those of a namespace from now on. Raises what the first answer is, if it is none. */
  async open(session, namespace) {
    this.close();
    this.#session = session;
    this.#namespace = namespace;
    await this.#read();
  }

  close() {
    clearTimeout(this.#timer);
    this.#session = null;
    this.#known.clear();
    this.#list.replaceChildren();
    show(find("instances-problem"), null);
  }

  /** @param {string | undefined} instance */
  select(instance) {
    this.#selected = instance ?? "";
    for (const [id, { shown }] of this.#known) this.#mark(id, shown);
    this.#changed(this.#known.get(this.#selected)?.row);
  }

  /** @param {number} wait milliseconds */
  #again(wait) {
    clearTimeout(this.#timer);
    if (this.#session && !document.hidden) this.#timer = setTimeout(() => this.#read(), wait);
  }

  async #read() {
    const [session, namespace] = [this.#session, this.#namespace];
    try {
      const rows = await session.instances(namespace);
      if (session === this.#session && namespace === this.#namespace) this.#show(rows);
    } catch (error) {
      if (session !== this.#session || namespace !== this.#namespace) return;
      if (isLoggedOut(error)) return this.#loggedOut();
      this.#fail(error);
    }
    this.#again(EVERY);
  }

  /** @param {unknown} error */
  #fail(error) {
    const place = find("instances-problem");
    const said = explanation(error, { verb: "list", resource: "instances", namespace: this.#namespace });
    if (place.textContent === said.textContent) return;
    show(place, said);
    find("instances-hint").hidden = true;
    announce(said.firstElementChild?.textContent ?? "");
  }

  /** @param {Instance[]} rows */
  #show(rows) {
    show(find("instances-problem"), null);
    show(find("instances-hint"), rows.length ? null : `There are none in namespace ${this.#namespace}.`);
    const gone = new Set(this.#known.keys());
    rows.forEach((row, index) => {
      gone.delete(row.id);
      const shown = this.#row(row);
      if (this.#list.children[index] !== shown) this.#list.insertBefore(shown, this.#list.children[index] ?? null);
    });
    for (const id of gone) this.#forget(id);
  }

  /** @param {Instance} row */
  #row(row) {
    const known = this.#known.get(row.id);
    if (known && JSON.stringify(known.row) === JSON.stringify(row)) return known.shown;
    const shown = known?.shown ?? element("li", {}, element("a", { href: link({ namespace: row.namespace, instance: row.id }) }));
    shown.firstElementChild?.replaceChildren(...described(row));
    this.#known.set(row.id, { row, shown });
    this.#mark(row.id, shown);
    if (known && known.row.ready !== row.ready) announce(`${row.title}: ${stateWords(row)}`);
    if (row.id === this.#selected) this.#changed(row);
    return shown;
  }

  /** @param {string} id */
  #forget(id) {
    this.#known.get(id)?.shown.remove();
    this.#known.delete(id);
    if (id === this.#selected) this.#changed(undefined);
  }

  /** @param {string} id @param {HTMLLIElement} shown */
  #mark(id, shown) {
    if (id === this.#selected) shown.firstElementChild?.setAttribute("aria-current", "page");
    else shown.firstElementChild?.removeAttribute("aria-current");
  }
}

/** @param {Instance} row @returns {Node[]} */
function described(row) {
  const name = row.title === row.id ? row.title : element("bdi", {}, row.title);
  const parts = [element("span", { class: "name" }, name), state(row)];
  if (row.ready === false && row.message) parts.push(element("span", { class: "message" }, row.message));
  return parts;
}

/** @param {Instance} row */
export function state(row) {
  const kind = row.ready === null ? "unknown" : row.ready ? "ready" : "unready";
  return element("span", { class: `state ${kind}` }, stateWords(row));
}

/** @param {Instance} row */
function stateWords(row) {
  if (row.ready === null) return "Not looked at yet";
  return row.ready ? "Ready" : `Not ready: ${row.reason ?? "no reason given"}`;
}

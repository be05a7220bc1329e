/**
 * The conversations that an Instance keeps of whoever is logged in.
 */
import { announce } from "./announcer.js";
import { element, find, show } from "./elements.js";
import { explanation } from "./explanations.js";
import { link } from "./place.js";

/** @typedef {import("./place.js").Place} Place */
/** @typedef {import("./vendor/client/client.js").Client} Client */
/** @typedef {import("./vendor/client/answers.js").ConversationSummary} Summary */

export class Conversations {
  #list = find("conversations-list");
  #older = find("older");
  /** @type {Client | null} */
  #client = null;
  /** @type {Place} */
  #place = { namespace: "" };
  /** @type {string | null} */
  #before = null;
  #gone;

  /** @param {(conversation: string) => void} gone told of each that was deleted */
  constructor(gone) {
    this.#gone = gone;
    this.#older.addEventListener("click", () => this.#read());
  }

  /** Those of another Instance. @param {Client} client @param {Place} place */
  async open(client, place) {
    this.#client = client;
    this.#place = place;
    await this.refresh();
  }

  /** Which one is shown. @param {string | undefined} conversation */
  mark(conversation) {
    this.#place = { ...this.#place, conversation };
    for (const each of this.#list.querySelectorAll("a")) current(each, conversation);
  }

  /** From the newest. */
  async refresh() {
    this.#before = null;
    await this.#read();
  }

  async #read() {
    const client = this.#client;
    try {
      const page = await client.conversations(this.#before ? { limit: 30, before: this.#before } : { limit: 30 });
      if (client === this.#client) this.#show(page);
    } catch (error) {
      if (client !== this.#client) return;
      this.#show({ conversations: [], before: null });
      find("conversations-hint").hidden = true;
      show(find("conversations-problem"), explanation(error, this.#deed("get")));
    }
  }

  /** @param {import("./vendor/client/answers.js").ConversationPage} page */
  #show(page) {
    const rows = page.conversations.map((each) => this.#row(each));
    if (this.#before) this.#list.append(...rows);
    else this.#replace(rows);
    this.#before = page.before;
    this.#older.hidden = !page.before;
    show(find("conversations-problem"), null);
    find("conversations-hint").hidden = this.#list.childElementCount > 0;
  }

  /** Focus stays on what it was on. @param {HTMLElement[]} rows */
  #replace(rows) {
    const focused = this.#list.querySelector(":focus");
    const former = focused?.closest("li")?.querySelector("a");
    this.#list.replaceChildren(...rows);
    if (!focused) return;
    const row = rows.find((each) => each.querySelector("a")?.dataset.id === former?.dataset.id);
    /** @type {HTMLElement} */ (row?.querySelector(focused.localName) ?? find("conversations-heading")).focus();
  }

  /** @param {Summary} summary */
  #row(summary) {
    const when = moment(summary.updated_at);
    const turns = `${summary.turns} ${summary.turns === 1 ? "question" : "questions"}`;
    const place = { namespace: this.#place.namespace, instance: this.#place.instance, conversation: summary.id };
    const open = element("a", { href: link(place), "data-id": summary.id }, when, element("span", {}, turns));
    current(open, this.#place.conversation);
    const remove = element("button", { type: "button", "aria-label": `Delete the conversation of ${when}` }, "Delete");
    const row = element("li", {}, open, remove);
    remove.addEventListener("click", () => this.#delete(summary.id, row));
    return row;
  }

  /** @param {string} conversation @param {HTMLElement} row */
  async #delete(conversation, row) {
    if (!confirm("Delete this conversation? It cannot be brought back.")) return;
    try {
      await this.#client.delete(conversation);
    } catch (error) {
      show(find("conversations-problem"), explanation(error, this.#deed("delete")));
      return;
    }
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    find("conversations-hint").hidden = this.#list.childElementCount > 0;
    (next?.querySelector("a") ?? find("conversations-heading")).focus();
    announce("The conversation is deleted");
    this.#gone(conversation);
  }

  /** @param {string} verb @returns {import("./explanations.js").Deed} */
  #deed(verb) {
    const { namespace, instance } = this.#place;
    return { verb, resource: "instances/chat", namespace, name: instance };
  }
}

/** @param {HTMLAnchorElement} shown @param {string | undefined} conversation */
function current(shown, conversation) {
  if (shown.dataset.id === conversation) shown.setAttribute("aria-current", "true");
  else shown.removeAttribute("aria-current");
}

/** @param {string} time RFC 3339 */
function moment(time) {
  const then = new Date(time);
  const today = then.toDateString() === new Date().toDateString();
  return today
    ? `Today, ${then.toLocaleTimeString([], { timeStyle: "short" })}`
    : then.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

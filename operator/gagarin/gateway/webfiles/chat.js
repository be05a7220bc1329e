/**
 * A conversation with an Instance: what was said, what is being said, and the box to say more.
 */
import { announce } from "./announcer.js";
import { element, find, show } from "./elements.js";
import { explanation, isLoggedOut } from "./explanations.js";
import { Answer, question } from "./turns.js";

/** @typedef {import("./place.js").Place} Place */
/** @typedef {import("./session.js").Session} Session */

const NEAR_THE_END = 80; // pixels: whoever reads further up is not moved
const EARLIER = 50; // messages at once

export class Chat {
  #turns = find("turns");
  #scroller = find("scroller");
  #message = /** @type {HTMLTextAreaElement} */ (find("message"));
  /** @type {Session | null} */
  #session = null;
  /** @type {Place} */
  #place = { namespace: "" };
  #name = "";
  /** @type {AbortController | null} */
  #answering = null;
  /** @type {number | null} */
  #before = null;
  #tokens = 0;
  #began;
  #ended;
  #loggedOut;

  /** @param {{began: (conversation: string) => void, ended: () => void, loggedOut: () => void}} told */
  constructor({ began, ended, loggedOut }) {
    this.#began = began;
    this.#ended = ended;
    this.#loggedOut = loggedOut;
    const form = find("composer");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#message.addEventListener("keydown", (event) => this.#pressed(event));
    find("stop").addEventListener("click", () => this.stop());
    find("earlier").addEventListener("click", () => this.#read());
  }

  get conversation() {
    return this.#place.conversation;
  }

  /** Another conversation, or a new one, with whom `name` is the title of. @param {Session} session @param {Place} place */
  async open(session, place, name) {
    this.close();
    this.#session = session;
    this.#place = place;
    this.call(name);
    find("composer").hidden = false;
    show(find("empty"), place.conversation ? null : "Say something: a conversation begins.");
    if (place.conversation) await this.#read();
  }

  /** @param {string} name */
  call(name) {
    this.#name = name;
    find("message-label").textContent = `Message to ${name}`;
    this.#message.placeholder = `Message to ${name}`;
  }

  close() {
    this.stop();
    this.#busy(null);
    this.#session = null;
    this.#before = null;
    this.#turns.replaceChildren();
    this.#count(-this.#tokens);
    find("composer").hidden = true;
    find("earlier").hidden = true;
    show(find("chat-problem"), null);
    show(find("empty"), "An Instance is an agent that runs in your cluster. Choose one to talk to it.");
  }

  stop() {
    this.#answering?.abort();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key === "Escape") this.stop();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    find("composer").requestSubmit();
  }

  async #read() {
    const [session, place] = [this.#session, this.#place];
    const client = session.client(place.namespace, place.instance);
    try {
      const options = this.#before === null ? { limit: EARLIER } : { limit: EARLIER, before: this.#before };
      const part = await client.read(place.conversation, options);
      if (session === this.#session && place === this.#place) this.#show(part);
    } catch (error) {
      if (session === this.#session && place === this.#place) this.#fail(error, "get");
    }
  }

  /** @param {import("./vendor/client/answers.js").Conversation} part */
  #show(part) {
    const [isFirst, height] = [this.#before === null, this.#scroller.scrollHeight];
    this.#turns.prepend(...part.messages.map((each) => this.#kept(each)));
    this.#before = part.before;
    find("earlier").hidden = part.before === null;
    if (isFirst) this.#scroller.scrollTop = this.#scroller.scrollHeight;
    else this.#scroller.scrollTop += this.#scroller.scrollHeight - height;
  }

  /** @param {import("./vendor/client/answers.js").Message} message */
  #kept(message) {
    if (message.role === "user") return question(message.content);
    const answer = Answer.kept(this.#name, message);
    this.#count(answer.tokens);
    return answer.element;
  }

  async #send() {
    const text = this.#message.value.trim();
    if (!text) return;
    if (this.#answering) return announce("Not sent: the answer is not over");
    this.#message.value = "";
    show(find("empty"), null);
    this.#turns.append(question(text));
    await this.#ask({ text, key: newKey(), conversation: this.conversation ?? null });
  }

  /**
   * The same again is answered once: the server knows it by its key.
   * @param {{text: string, key: string, conversation: string | null}} asked
   */
  async #ask(asked) {
    const answer = new Answer(this.#name);
    const cancel = new AbortController();
    const place = this.#place;
    this.#turns.append(answer.element);
    this.#busy(cancel);
    answer.begin();
    this.#follow(true);
    try {
      for await (const event of this.#events(asked, cancel)) {
        const reads = this.#isAtTheEnd;
        answer.take(event);
        if (event.type === "done" && event.conversation) this.#begun(place, event.conversation);
        requestAnimationFrame(() => this.#follow(reads));
      }
      answer.end();
      if (place.instance === this.#place.instance) this.#count(answer.tokens);
    } catch (error) {
      this.#broken(answer, error, cancel, () => this.#ask(asked));
    }
    if (this.#answering === cancel) this.#busy(null);
    this.#ended();
  }

  /** @param {{text: string, key: string, conversation: string | null}} asked @param {AbortController} cancel */
  #events({ text, key, conversation }, cancel) {
    const place = this.#place;
    const heard = (response) => this.#heard(response, place);
    const client = this.#session.client(place.namespace, place.instance, heard);
    return client.stream(text, { conversation, idempotencyKey: key, signal: cancel.signal });
  }

  /** The client waits by itself when it is told to; whoever waits for it should know. @param {Response} response @param {Place} place */
  #heard(response, place) {
    const conversation = response.headers.get("Gagarin-Conversation");
    if (response.ok && conversation) this.#begun(place, conversation);
    const wait = Number(response.headers.get("Retry-After"));
    if ([429, 503].includes(response.status) && wait > 0 && wait <= 30) announce(`Busy: trying again in ${wait} seconds`);
  }

  /** @param {Answer} answer @param {unknown} error @param {AbortController} cancel @param {() => void} again */
  #broken(answer, error, cancel, again) {
    if (cancel.signal.aborted) return answer.end("Stopped");
    answer.end();
    if (isLoggedOut(error)) return this.#loggedOut();
    const said = explanation(error, this.#deed("create"));
    const button = element("button", { type: "button" }, "Try again");
    const box = element("div", { class: "problem" }, said, button);
    button.addEventListener("click", () => {
      answer.element.remove();
      this.#message.focus();
      if (!this.#answering) again();
    });
    answer.element.append(box);
    announce(said.textContent ?? "");
    this.#follow(true);
  }

  /** @param {Place} place @param {string} conversation */
  #begun(place, conversation) {
    if (place !== this.#place || place.conversation === conversation) return;
    this.#place = { ...place, conversation };
    this.#began(conversation);
  }

  /** @param {unknown} error @param {string} verb */
  #fail(error, verb) {
    if (isLoggedOut(error)) return this.#loggedOut();
    const said = explanation(error, this.#deed(verb));
    show(find("chat-problem"), said);
    announce(said.textContent ?? "");
  }

  /** @param {string} verb @returns {import("./explanations.js").Deed} */
  #deed(verb) {
    return { verb, resource: "instances/chat", namespace: this.#place.namespace, name: this.#place.instance };
  }

  /** @param {AbortController | null} cancel */
  #busy(cancel) {
    const hadFocus = document.activeElement === find("stop");
    this.#answering = cancel;
    find("send").hidden = cancel !== null;
    find("stop").hidden = cancel === null;
    if (hadFocus && cancel === null) this.#message.focus();
  }

  /** @param {number} tokens */
  #count(tokens) {
    this.#tokens += tokens;
    find("usage").textContent = this.#tokens ? `${this.#tokens} tokens in this conversation` : "";
  }

  get #isAtTheEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR_THE_END;
  }

  /** @param {boolean} reads */
  #follow(reads) {
    if (reads) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }
}

/** Random, also in pages that are not served securely, where `crypto.randomUUID` is not there. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

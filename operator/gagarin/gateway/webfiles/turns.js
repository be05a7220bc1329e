/**
 * What was said: a question, or an answer that is still being made, with its tools, its tokens and how it ended.
 */
import { announce } from "./announcer.js";
import { element } from "./elements.js";
import { Markdown } from "./markdown.js";

/** @typedef {import("./vendor/client/answers.js").Event} Event */

const OUTCOMES = { running: "running …", ok: "done", error: "failed" };
const ENDINGS = {
  length: "The answer is cut off: the model's limit is reached.",
  content_filter: "The provider's content filter ended the answer.",
  refusal: "The model refused to answer.",
};

/** @param {string} text */
export function question(text) {
  return element("li", { class: "question" }, element("h3", { class: "unseen" }, "You"), element("p", {}, text));
}

export class Answer {
  #body = element("div", { class: "body" });
  #notes = element("p", { class: "notes" });
  /** @type {Map<string, HTMLDetailsElement>} */
  #tools = new Map();
  #text = "";
  /** @type {Markdown | null} */
  #markdown = null;
  #frame = 0;
  tokens = 0;

  /** @param {string} name who answers */
  constructor(name) {
    this.element = element("li", { class: "answer" }, element("h3", {}, name), this.#body, this.#notes);
  }

  /** An answer that was kept. @param {string} name @param {import("./vendor/client/answers.js").Message} message */
  static kept(name, message) {
    const made = new Answer(name);
    for (const each of message.tools ?? []) made.#body.append(element("p", { class: "tool" }, toolWords(each)));
    made.#add(message.content);
    made.#draw(true);
    if (message.usage) made.#used(message.usage);
    made.#ended(message);
    return made;
  }

  /** It is being made. */
  begin() {
    this.element.setAttribute("aria-busy", "true");
    announce("Answering");
  }

  /** @param {Event} event */
  take(event) {
    if (event.type === "token") this.#add(event.text);
    else if (event.type === "tool") this.#tool(event);
    else if (event.type === "usage") this.#used(event);
    else this.#ended(event);
  }

  /** Nothing more comes. @param {string} [note] why, if it is not whole */
  end(note) {
    this.#close();
    for (const each of this.#tools.values()) if (each.dataset.outcome === "running") outcome(each, "error", "stopped");
    this.element.removeAttribute("aria-busy");
    if (note) this.#note(note);
    if (note) announce(note);
  }

  /** @param {string} text */
  #add(text) {
    if (!this.#markdown) {
      const place = element("div", { class: "text" });
      this.#body.append(place);
      this.#markdown = new Markdown(place);
    }
    this.#text += text;
    this.#frame ||= requestAnimationFrame(() => this.#draw(false));
  }

  /** @param {boolean} ended */
  #draw(ended) {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const told = this.#markdown?.show(this.#text, ended) ?? [];
    if (this.element.hasAttribute("aria-busy")) told.forEach(announce);
  }

  /** The text up to here is whole; what follows begins below. */
  #close() {
    this.#draw(true);
    this.#markdown = null;
    this.#text = "";
  }

  /** @param {import("./vendor/client/answers.js").ToolEvent} event */
  #tool(event) {
    let shown = this.#tools.get(event.id);
    if (!shown) {
      this.#close();
      const given = element("pre", { tabindex: "0", "aria-label": "Arguments" }, JSON.stringify(event.arguments, null, 2));
      shown = element("details", { class: "tool" }, element("summary"), given);
      shown.dataset.name = event.name;
      this.#tools.set(event.id, shown);
      this.#body.append(shown);
    }
    outcome(shown, event.outcome, OUTCOMES[event.outcome] + after(event.seconds));
  }

  /** @param {import("./vendor/client/answers.js").Usage} usage */
  #used(usage) {
    this.tokens = usage.total_tokens;
    this.#note(`${usage.total_tokens} tokens (${usage.prompt_tokens} in, ${usage.completion_tokens} out)`);
  }

  /** @param {{finish?: string, cost?: string, sources?: import("./vendor/client/answers.js").Source[]}} ending */
  #ended(ending) {
    if (ending.finish) this.#note(ENDINGS[ending.finish] ?? `The answer ended: ${ending.finish}.`);
    if (ending.cost) this.#note(`cost ${ending.cost}`);
    const names = [...new Set((ending.sources ?? []).map((each) => each.title || each.name))];
    if (names.length) this.#note(`from ${names.join(", ")}`);
  }

  /** @param {string} text */
  #note(text) {
    this.#notes.append(element("span", {}, text));
  }
}

/** @param {HTMLDetailsElement} shown @param {string} state @param {string} words */
function outcome(shown, state, words) {
  shown.dataset.outcome = state;
  const text = `Tool ${shown.dataset.name}: ${words}`;
  shown.firstElementChild?.replaceChildren(text);
  announce(text);
}

/** @param {import("./vendor/client/answers.js").ToolUse} use */
function toolWords(use) {
  return `Tool ${use.name}: ${OUTCOMES[use.outcome]}`;
}

/** @param {number | undefined} seconds */
function after(seconds) {
  if (seconds === undefined) return "";
  return seconds < 1 ? " in less than a second" : ` in ${seconds.toFixed(1)} s`;
}

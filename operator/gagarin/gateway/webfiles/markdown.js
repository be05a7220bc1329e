/**
 * Answers as their model meant them: Markdown (CommonMark with GitHub's tables) becomes elements. marked only cuts the
 * text into tokens; what has no place below stays text. HTML in an answer is text, images are links, and links go
 * to http, https and mailto only.
 */
import { element } from "./elements.js";
import { lexer } from "./vendor/marked.js";

/** @typedef {import("./vendor/marked.js").Token} Token */

const LONGEST = 200_000; // characters that are worth the reading; more is shown as it came
const SAFE = new Set(["http:", "https:", "mailto:"]);
const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" };

/** The text of an answer, which grows. What is shown and did not change stays as it is, also selected or focused. */
export class Markdown {
  /** How many blocks are whole. */
  #whole = 0;
  /** @type {string[]} */
  #shown = [];
  #place;

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
  }

  /** Show `text`. Returns the blocks that are whole now, and were not before. @param {string} text @param {boolean} ended */
  show(text, ended) {
    const tokens = text.length > LONGEST ? [{ type: "text", raw: text, text }] : lexer(text, { gfm: true });
    const blocks = tokens.filter((each) => each.type !== "space");
    let same = 0;
    while (same < this.#shown.length && this.#shown[same] === blocks[same]?.raw) same += 1;
    while (this.#place.childNodes.length > same) this.#place.lastChild?.remove();
    for (const each of blocks.slice(same)) this.#place.append(block(each));
    const before = this.#whole;
    this.#shown = blocks.map((each) => each.raw);
    this.#whole = Math.max(before, ended ? blocks.length : blocks.length - 1);
    return [...this.#place.children].slice(before, this.#whole).map((each) => each.textContent ?? "");
  }
}

/** @param {Token} token @returns {HTMLElement} */
function block(token) {
  switch (token.type) {
    case "heading":
      return element("p", { class: `heading depth-${token.depth}`, role: "heading", "aria-level": level(token) }, ...inline(token));
    case "code":
      return element("pre", { tabindex: "0", "aria-label": token.lang || "Code" }, element("code", {}, token.text));
    case "blockquote":
      return element("blockquote", {}, ...token.tokens.filter(isShown).map(block));
    case "list":
      return element(token.ordered ? "ol" : "ul", start(token), ...token.items.map(item));
    case "table":
      return table(token);
    case "hr":
      return element("hr");
    case "html":
      return element("p", {}, token.raw.trimEnd());
    default:
      return element("p", {}, ...inline(token));
  }
}

/** Below the page's own headings. @param {Token} token */
function level(token) {
  return String(Math.min(token.depth + 3, 6));
}

/** @param {Token} token */
function isShown(token) {
  return token.type !== "space";
}

/** @param {Token} token @returns {Record<string, string>} */
function start(token) {
  return token.ordered && token.start !== 1 ? { start: String(token.start) } : {};
}

/** @param {Token} token */
function item(token) {
  return element("li", {}, ...token.tokens.filter(isShown).flatMap(part));
}

/** Of an item of a list. @param {Token} token @returns {(Node | string)[]} */
function part(token) {
  if (token.type === "text") return inline(token);
  return [token.type === "checkbox" ? piece(token) : block(token)];
}

/** @param {Token} token */
function table(token) {
  const row = (cells, name) => element("tr", {}, ...cells.map((cell) => element(name, {}, ...inline(cell))));
  const head = element("thead", {}, row(token.header, "th"));
  const body = element("tbody", {}, ...token.rows.map((cells) => row(cells, "td")));
  return element("div", { class: "table", tabindex: "0", role: "region", "aria-label": "Table" }, element("table", {}, head, body));
}

/** @param {Token} token @returns {(Node | string)[]} */
function inline(token) {
  return token.tokens ? token.tokens.map(piece) : [plain(token.text ?? token.raw)];
}

/** @param {Token} token @returns {Node | string} */
function piece(token) {
  switch (token.type) {
    case "strong":
    case "em":
    case "del":
      return element(token.type, {}, ...inline(token));
    case "codespan":
      return element("code", {}, token.text);
    case "br":
      return element("br");
    case "link":
      return anchor(token.href, inline(token));
    case "image":
      return anchor(token.href, [token.text || token.href]);
    case "text":
    case "escape":
      return token.tokens ? element("span", {}, ...inline(token)) : plain(token.text);
    case "checkbox":
      return token.checked ? "☑ " : "☐ ";
    default:
      return token.raw;
  }
}

/** @param {string} href @param {(Node | string)[]} content */
function anchor(href, content) {
  const url = URL.canParse(href) ? new URL(href) : null;
  if (!url || !SAFE.has(url.protocol)) return element("span", { title: href }, ...content);
  return element("a", { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...content);
}

/** The few entities that a text may have for the characters of markup. @param {string} text */
function plain(text) {
  return text.replace(/&(?:amp|lt|gt|quot|#39);/g, (each) => ENTITIES[each]);
}

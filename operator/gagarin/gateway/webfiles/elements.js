/**
 * How the page is made: elements, never HTML. No text that comes from elsewhere is read as markup anywhere.
 */

/**
 * The element of `index.html` with this id.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function find(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return /** @type {T} */ (found);
}

/**
 * A new element. Children are elements, or text, which stays text.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} name
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** @param {HTMLElement} place @param {Node | string | null} content null: nothing, and no place for it */
export function show(place, content) {
  place.hidden = content === null;
  place.replaceChildren(...(content === null ? [] : [content]));
}

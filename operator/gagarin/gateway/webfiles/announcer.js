/**
 * What screen readers are told when they have a moment. A streamed answer is told paragraph by paragraph: word by
 * word nobody could follow, and all of it at the end would be late.
 */
import { element, find } from "./elements.js";

const MOST = 20;

/** @param {string} text */
export function announce(text) {
  if (!text.trim()) return;
  const place = find("announcer");
  place.append(element("p", {}, text));
  while (place.childElementCount > MOST) place.firstElementChild?.remove();
}

/**
 * What went wrong, as a person understands it: what it means, and what to do now.
 */
import { element } from "./elements.js";
import { Interrupted, ProblemError } from "./vendor/client/errors.js";

const GROUP = "gagarin.fyodorov.ai";

/**
 * What was tried.
 * @typedef {object} Deed
 * @property {string} verb
 * @property {string} resource
 * @property {string} namespace
 * @property {string} [name]
 */

/** @param {unknown} error @returns {error is ProblemError} */
export function isLoggedOut(error) {
  return error instanceof ProblemError && error.status === 401;
}

/** @param {unknown} error @param {Deed} deed @returns {HTMLElement} */
export function explanation(error, deed) {
  const [heading, ...lines] = words(error, deed);
  const said = [element("strong", {}, heading), ...lines.map((line) => element("p", {}, line))];
  if (error instanceof ProblemError && error.status === 403) said.push(...missing(error, deed));
  return element("div", {}, ...said);
}

/** @param {unknown} error @param {Deed} deed @returns {[string, ...string[]]} */
function words(error, deed) {
  if (error instanceof ProblemError) return ofProblem(error, deed);
  if (error instanceof Interrupted) {
    return ["The connection broke off", "The gateway does not answer, or this computer is offline. Try again."];
  }
  return ["Something unexpected happened", error instanceof Error ? error.message : String(error)];
}

/** @param {ProblemError} problem @param {Deed} deed @returns {[string, ...string[]]} */
function ofProblem(problem, deed) {
  const said = problem.detail || problem.title;
  switch (problem.status) {
    case 401:
      return ["Log in again", "The cluster does not take your token: it is wrong, or has expired."];
    case 403:
      return ["You may not do this", said];
    case 404:
      return ["It is not there", said];
    case 429:
      return ["A limit is reached", said, `Try again ${inAWhile(problem.retryAfter)}.`];
    case 502:
    case 504:
      return ["The model did not answer properly", said, "Trying again often helps."];
    case 503:
      return ["It does not answer now", said, `Try again ${inAWhile(problem.retryAfter)}.`];
    default:
      return [problem.title, ...(problem.detail ? [problem.detail] : [])];
  }
}

/** @param {number | undefined} seconds */
function inAWhile(seconds) {
  if (seconds === undefined) return "in a moment";
  if (seconds < 90) return `in ${seconds} ${seconds === 1 ? "second" : "seconds"}`;
  if (seconds < 5400) return `in ${Math.round(seconds / 60)} minutes`;
  return `after ${new Date(Date.now() + seconds * 1000).toLocaleString()}`;
}

/** The rule of RBAC that would allow it. @param {ProblemError} problem @param {Deed} deed */
function missing(problem, deed) {
  const forGateway = problem.detail.includes("impersonate");
  const who = forGateway ? "the gateway's ServiceAccount" : "you";
  const rule = [
    `apiGroups: ["${GROUP}"]`,
    `resources: ["${deed.resource}"]`,
    ...(deed.name ? [`resourceNames: ["${deed.name}"]`] : []),
    `verbs: ["${forGateway ? "impersonate" : deed.verb}"]`,
  ];
  return [
    element("p", {}, `A Role in namespace ${deed.namespace} with this rule, bound to ${who}, would allow it:`),
    element("pre", { tabindex: "0", "aria-label": "The rule" }, element("code", {}, rule.join("\n"))),
  ];
}

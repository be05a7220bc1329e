/**
 * What can go wrong. No message holds a token or what was said to the model.
 *
 *     GagarinError
 *     |- SettingsError   the address or the token cannot be used: nothing was sent
 *     |- Interrupted     there was no connection, or it ended before the answer was whole
 *     |  `- TimedOut     it was silent for too long
 *     |- NotGagarin      what answered is no Instance: its answer cannot be read
 *     `- ProblemError    the Instance said no, and why (RFC 9457)
 */
export class GagarinError extends Error {
  override name = this.constructor.name;
}

export class SettingsError extends GagarinError {}

export class Interrupted extends GagarinError {}

export class TimedOut extends Interrupted {}

export class NotGagarin extends GagarinError {}

/** What is wrong in one place: a JSON pointer into the body, or the name of a header or query parameter. */
export interface FieldError {
  pointer: string;
  detail: string;
}

/** `slug` is the last part of the problem's type, such as `tokens-spent`; `retryAfter` is in seconds. */
export class ProblemError extends GagarinError {
  readonly slug: string;
  readonly title: string;
  readonly detail: string;
  readonly errors: readonly FieldError[];

  constructor(
    readonly status: number,
    problem: Record<string, unknown>,
    readonly retryAfter?: number,
  ) {
    const title = typeof problem.title === "string" ? problem.title : `The server answered ${status}`;
    const detail = typeof problem.detail === "string" ? problem.detail : "";
    super(detail ? `${title}: ${detail}` : title);
    this.slug = String(problem.type ?? "about:blank").replace("https://gagarin.fyodorov.ai/problems/", "");
    this.title = title;
    this.detail = detail;
    this.errors = Array.isArray(problem.errors) ? (problem.errors as FieldError[]) : [];
  }
}

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
    name = this.constructor.name;
}
export class SettingsError extends GagarinError {
}
export class Interrupted extends GagarinError {
}
export class TimedOut extends Interrupted {
}
export class NotGagarin extends GagarinError {
}
/** `slug` is the last part of the problem's type, such as `tokens-spent`; `retryAfter` is in seconds. */
export class ProblemError extends GagarinError {
    status;
    retryAfter;
    slug;
    title;
    detail;
    errors;
    constructor(status, problem, retryAfter) {
        const title = typeof problem.title === "string" ? problem.title : `The server answered ${status}`;
        const detail = typeof problem.detail === "string" ? problem.detail : "";
        super(detail ? `${title}: ${detail}` : title);
        this.status = status;
        this.retryAfter = retryAfter;
        this.slug = String(problem.type ?? "about:blank").replace("https://gagarin.fyodorov.ai/problems/", "");
        this.title = title;
        this.detail = detail;
        this.errors = Array.isArray(problem.errors) ? problem.errors : [];
    }
}

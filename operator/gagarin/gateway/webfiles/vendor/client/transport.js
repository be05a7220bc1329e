/**
 * Requests to one Instance by fetch: the token put in, errors translated, what is safe tried again. Redirects are
 * not followed, so that the token goes where it is meant to go.
 */
import { GagarinError, Interrupted, NotGagarin, ProblemError, SettingsError, TimedOut } from "./errors.js";
const LONGEST_WAIT = 30; // seconds; a budget that is spent until tomorrow is the caller's to know
const FIRST_WAIT = 0.25;
export class Transport {
    attempts;
    #url;
    #token;
    #timeout;
    #headers;
    #fetch;
    constructor(url, token, options) {
        if (!/^https?:\/\/[^/?#@]+(\/[^?#]*)?$/.test(url))
            throw new SettingsError(`${url} is no URL of an Instance`);
        this.#url = url.replace(/\/+$/, "");
        this.#token = token;
        this.#timeout = options.timeout ?? 300_000;
        this.attempts = options.attempts ?? 3;
        this.#headers = options.endUser === undefined ? {} : { "Gagarin-End-User": options.endUser };
        this.#fetch = options.fetch ?? ((...given) => fetch(...given));
    }
    /** The document that answers a request. */
    async answer(request) {
        const text = await this.#tried(request, async (signal) => (await this.#send(request, signal)).text());
        try {
            return (text ? JSON.parse(text) : undefined);
        }
        catch {
            throw new NotGagarin(`the answer to ${request.method} ${request.path} is no JSON`);
        }
    }
    /** The body of a good answer, to be read while it comes. `cancel` ends the connection. */
    async begun(request, cancel) {
        return this.#tried(request, async (signal) => {
            const onTime = () => cancel.abort(signal.reason);
            signal.addEventListener("abort", onTime, { once: true });
            try {
                return await this.#send(request, cancel.signal);
            }
            finally {
                signal.removeEventListener("abort", onTime);
            }
        });
    }
    async #tried(request, once) {
        for (let attempt = 1;; attempt += 1) {
            const late = AbortSignal.timeout(this.#timeout);
            const signal = request.signal ? AbortSignal.any([late, request.signal]) : late;
            try {
                return await once(signal);
            }
            catch (error) {
                request.signal?.throwIfAborted();
                const known = late.aborted ? new TimedOut(`no answer within ${this.#timeout} ms`) : translated(request, error);
                const wait = secondsBeforeNext(known, attempt);
                if (wait === undefined || attempt >= this.attempts)
                    throw known;
                await new Promise((resolve) => setTimeout(resolve, wait * 1000));
            }
        }
    }
    async #send(request, signal) {
        const token = (typeof this.#token === "string" ? this.#token : await this.#token()).trim();
        if (!/^[!-~]+$/.test(token))
            throw new SettingsError("the token is empty, or no token");
        const headers = { Authorization: `Bearer ${token}`, ...this.#headers, ...request.headers };
        const body = request.body === undefined ? null : JSON.stringify(request.body);
        const response = await this.#fetch(this.#url + request.path, {
            method: request.method,
            headers: body === null ? headers : { ...headers, "Content-Type": "application/json" },
            body,
            signal,
            redirect: "error",
            credentials: "omit",
            cache: "no-store",
        });
        if (!response.ok)
            throw await refusal(response);
        return response;
    }
}
/** Whatever fetch throws, as one of ours: it does not say why there is no connection. */
export function translated(request, error) {
    if (error instanceof GagarinError)
        return error;
    const cause = error instanceof Error ? error.cause ?? error : error;
    return new Interrupted(`${request.method} ${request.path}: ${cause instanceof Error ? cause.message : cause}`);
}
function secondsBeforeNext(error, attempt) {
    if (error instanceof ProblemError && (error.status === 429 || error.status === 503)) {
        const wait = error.retryAfter;
        return wait !== undefined && wait <= LONGEST_WAIT ? wait : undefined;
    }
    if (!(error instanceof Interrupted) || error instanceof TimedOut)
        return undefined;
    return Math.min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT) * (0.5 + Math.random() / 2);
}
async function refusal(response) {
    const text = await response.text();
    const wait = response.headers.get("Retry-After") ?? "";
    let problem;
    try {
        problem = JSON.parse(text);
    }
    catch {
        problem = undefined; // a proxy's own page
    }
    const known = typeof problem === "object" && problem !== null ? problem : {};
    return new ProblemError(response.status, known, /^\d+$/.test(wait) ? Number(wait) : undefined);
}

import { Interrupted, NotGagarin, ProblemError, SettingsError, TimedOut } from "./errors.js";
import { EventReader } from "./events.js";
import { Transport, translated } from "./transport.js";
const SILENCE = 45_000; // milliseconds; the server says something every 15 seconds, if only a comment
const KNOWN = new Set(["token", "tool", "usage", "done"]);
/** Where an Instance is reached inside its cluster. */
export function serviceUrl(instance, namespace, { tls = false } = {}) {
    for (const name of [instance, namespace]) {
        if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name))
            throw new SettingsError(`${name} is no name`);
    }
    return `${tls ? "https" : "http"}://${instance}.${namespace}.svc`;
}
export class Client {
    #transport;
    constructor(url, token, options = {}) {
        this.#transport = new Transport(url, token, options);
    }
    /** Say something, and wait for the whole answer. */
    async chat(text, asking = {}) {
        return this.#transport.answer(question("/chat", text, asking));
    }
    /**
     * Say something, and read the answer as it is made. A connection that breaks is taken up again where it broke.
     * Leaving the loop ends the answer.
     */
    async *stream(text, asking = {}) {
        const first = question("/stream", text, asking);
        const reader = new EventReader();
        let request = first;
        for (let fruitless = 0;;) {
            const cancel = new AbortController();
            let problem = new Interrupted("the stream ended before the answer was whole");
            try {
                for await (const raw of this.#raw(request, request === first, reader, cancel)) {
                    fruitless = 0;
                    const event = typed(raw);
                    if (event)
                        yield event;
                    if (event?.type === "done")
                        return;
                }
            }
            catch (error) {
                asking.signal?.throwIfAborted();
                const known = translated(request, error);
                if (!(known instanceof Broken))
                    throw known;
                problem = known.problem;
            }
            finally {
                cancel.abort();
            }
            fruitless += 1;
            if (fruitless >= this.#transport.attempts)
                throw problem;
            request = reader.lastId ? rest(first, reader.lastId) : first;
        }
    }
    /** The caller's conversations, newest first; `before` goes on after an earlier page. */
    async conversations({ limit = 100, before } = {}) {
        return this.#get("/conversations", { limit, before });
    }
    /** A conversation's newest messages, oldest first; `before` goes back from an earlier part. */
    async read(conversation, { limit = 100, before } = {}) {
        return this.#get(path(conversation), { limit, before });
    }
    /** Erase a conversation. */
    async delete(conversation) {
        await this.#transport.answer({ method: "DELETE", path: path(conversation) });
    }
    /** Erase all conversations of the caller; how many there were. */
    async deleteAll() {
        const request = { method: "DELETE", path: "/conversations" };
        return (await this.#transport.answer(request)).conversations;
    }
    /** What the caller used in the last days, today (UTC) included, oldest first. */
    async usage(days = 30) {
        return (await this.#get("/usage", { days })).days;
    }
    async #get(where, query) {
        const given = Object.entries(query).filter(([, value]) => value !== undefined);
        const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
        return this.#transport.answer({ method: "GET", path: `${where}?${text}` });
    }
    /** The events of one connection. Throws `Broken` when it ended before its time. */
    async *#raw(request, isFirst, reader, cancel) {
        const body = (await this.#begun(request, isFirst, cancel)).body?.getReader();
        const stop = () => cancel.abort(request.signal?.reason);
        request.signal?.addEventListener("abort", stop, { once: true });
        reader.restart();
        try {
            for (;;) {
                const chunk = await this.#chunk(request, body, cancel);
                if (!chunk)
                    return;
                yield* reader.feed(chunk);
            }
        }
        finally {
            request.signal?.removeEventListener("abort", stop);
        }
    }
    async #begun(request, isFirst, cancel) {
        try {
            return await this.#transport.begun(request, cancel);
        }
        catch (error) {
            if (isFirst || !(error instanceof ProblemError) || ![404, 410].includes(error.status))
                throw error;
            throw new Interrupted(`the answer broke off and cannot be resumed: ${error.message}`);
        }
    }
    async #chunk(request, body, cancel) {
        const late = setTimeout(() => cancel.abort(new TimedOut(`the stream was silent for ${SILENCE} ms`)), SILENCE);
        try {
            return (await body?.read())?.value;
        }
        catch (error) {
            const problem = translated(request, cancel.signal.aborted ? cancel.signal.reason : error);
            throw problem instanceof Interrupted ? new Broken(problem) : problem;
        }
        finally {
            clearTimeout(late);
        }
    }
}
/** A connection that can be taken up again. */
class Broken extends Interrupted {
    problem;
    constructor(problem) {
        super(problem.message);
        this.problem = problem;
    }
}
function question(where, text, asking) {
    const headers = { "Idempotency-Key": asking.idempotencyKey ?? newKey() };
    if (where === "/stream")
        headers.Accept = "text/event-stream"; // also where something else is the default
    if (asking.endUser !== undefined)
        headers["Gagarin-End-User"] = asking.endUser;
    const { conversation } = asking;
    const body = typeof conversation === "string" ? { input: text, conversation } : { input: text };
    return { method: "POST", path: where, body, headers, signal: asking.signal };
}
/** What asks for the events after one. */
function rest(first, lastId) {
    const { "Idempotency-Key": _, ...kept } = first.headers ?? {};
    return { method: "GET", path: "/stream", headers: { ...kept, "Last-Event-ID": lastId }, signal: first.signal };
}
/** Random, also in pages that are not served securely, where `crypto.randomUUID` is not there. */
function newKey() {
    return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
function typed(raw) {
    let data;
    try {
        data = JSON.parse(raw.data);
    }
    catch {
        throw new NotGagarin(`an event ${raw.name} is no JSON`);
    }
    if (raw.name === "error")
        throw new ProblemError(Number(data.status), data);
    return KNOWN.has(raw.name) ? { ...data, type: raw.name } : undefined;
}
function path(conversation) {
    if (!/^[-\w]{1,64}$/.test(conversation))
        throw new SettingsError("that is no id of a conversation");
    return `/conversations/${conversation}`;
}

/**
 * The events of a streamed answer, read from bytes that are split anywhere (WHATWG HTML, section 9.2).
 * The browser's own EventSource can neither POST nor send a token.
 */
import { NotGagarin } from "./errors.js";
const MAX_CHARS = 16 * 1024 * 1024;
/** Incremental. `lastId` is the id of the last whole event: where to go on after a broken connection. */
export class EventReader {
    lastId = "";
    #decoder = new TextDecoder();
    #rest = "";
    #name = "";
    #id = "";
    #data = [];
    /** The events that `chunk` completes. */
    *feed(chunk) {
        const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
        this.#rest = lines.pop() ?? "";
        if (this.#rest.length > MAX_CHARS)
            throw new NotGagarin("an event does not end");
        for (const line of lines) {
            const event = this.#take(line.endsWith("\r") ? line.slice(0, -1) : line);
            if (event)
                yield event;
        }
    }
    /** Forget the unfinished event: a new connection begins with a whole one. */
    restart() {
        this.#decoder = new TextDecoder();
        this.#rest = this.#name = "";
        this.#data = [];
    }
    #take(line) {
        if (line) {
            this.#keep(line);
            return undefined;
        }
        if (!this.#data.length)
            return undefined;
        const event = { name: this.#name || "message", data: this.#data.join("\n") };
        this.lastId = this.#id;
        this.#name = "";
        this.#data = [];
        return event;
    }
    #keep(line) {
        const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
        if (field === "data")
            this.#data.push(value ?? "");
        else if (field === "event")
            this.#name = value ?? "";
        else if (field === "id")
            this.#id = value ?? "";
    }
}

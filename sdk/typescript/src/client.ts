/** The client of one Instance. */
import type { Answer, Conversation, ConversationPage, DayUsage, Event } from "./answers.js";
import { Interrupted, NotGagarin, ProblemError, SettingsError, TimedOut } from "./errors.js";
import { EventReader, type Raw } from "./events.js";
import { type ClientOptions, type Request, type Token, Transport, translated } from "./transport.js";

const SILENCE = 45_000; // milliseconds; the server says something every 15 seconds, if only a comment
const KNOWN = new Set(["token", "tool", "usage", "done"]);

export interface Asking {
  /** Goes on with this one; without it, the question begins one. */
  conversation?: string | null;
  /** For whom this is asked. */
  endUser?: string;
  /** Made here; give one to make the same request again from another process. */
  idempotencyKey?: string;
  /** Ends the call. */
  signal?: AbortSignal;
}

/** Where an Instance is reached inside its cluster. */
export function serviceUrl(instance: string, namespace: string, { tls = false } = {}): string {
  for (const name of [instance, namespace]) {
    if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) throw new SettingsError(`${name} is no name`);
  }
  return `${tls ? "https" : "http"}://${instance}.${namespace}.svc`;
}

export class Client {
  readonly #transport: Transport;

  constructor(url: string, token: Token, options: ClientOptions = {}) {
    this.#transport = new Transport(url, token, options);
  }

  /** Say something, and wait for the whole answer. */
  async chat(text: string, asking: Asking = {}): Promise<Answer> {
    return this.#transport.answer<Answer>(question("/chat", text, asking));
  }

  /**
   * Say something, and read the answer as it is made. A connection that breaks is taken up again where it broke.
   * Leaving the loop ends the answer.
   */
  async *stream(text: string, asking: Asking = {}): AsyncGenerator<Event, void, undefined> {
    const first = question("/stream", text, asking);
    const reader = new EventReader();
    let request = first;
    for (let fruitless = 0; ; ) {
      const cancel = new AbortController();
      let problem = new Interrupted("the stream ended before the answer was whole");
      try {
        for await (const raw of this.#raw(request, request === first, reader, cancel)) {
          fruitless = 0;
          const event = typed(raw);
          if (event) yield event;
          if (event?.type === "done") return;
        }
      } catch (error) {
        asking.signal?.throwIfAborted();
        const known = translated(request, error);
        if (!(known instanceof Broken)) throw known;
        problem = known.problem;
      } finally {
        cancel.abort();
      }
      fruitless += 1;
      if (fruitless >= this.#transport.attempts) throw problem;
      request = reader.lastId ? rest(first, reader.lastId) : first;
    }
  }

  /** The caller's conversations, newest first; `before` goes on after an earlier page. */
  async conversations({ limit = 100, before }: { limit?: number; before?: string } = {}): Promise<ConversationPage> {
    return this.#get("/conversations", { limit, before });
  }

  /** A conversation's newest messages, oldest first; `before` goes back from an earlier part. */
  async read(
    conversation: string,
    { limit = 100, before }: { limit?: number; before?: number } = {},
  ): Promise<Conversation> {
    return this.#get(path(conversation), { limit, before });
  }

  /** Erase a conversation. */
  async delete(conversation: string): Promise<void> {
    await this.#transport.answer({ method: "DELETE", path: path(conversation) });
  }

  /** Erase all conversations of the caller; how many there were. */
  async deleteAll(): Promise<number> {
    const request = { method: "DELETE", path: "/conversations" };
    return (await this.#transport.answer<{ conversations: number }>(request)).conversations;
  }

  /** What the caller used in the last days, today (UTC) included, oldest first. */
  async usage(days = 30): Promise<DayUsage[]> {
    return (await this.#get<{ days: DayUsage[] }>("/usage", { days })).days;
  }

  async #get<T>(where: string, query: Record<string, string | number | undefined>): Promise<T> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    return this.#transport.answer<T>({ method: "GET", path: `${where}?${text}` });
  }

  /** The events of one connection. Throws `Broken` when it ended before its time. */
  async *#raw(
    request: Request,
    isFirst: boolean,
    reader: EventReader,
    cancel: AbortController,
  ): AsyncGenerator<Raw, void, undefined> {
    const body = (await this.#begun(request, isFirst, cancel)).body?.getReader();
    const stop = () => cancel.abort(request.signal?.reason);
    request.signal?.addEventListener("abort", stop, { once: true });
    reader.restart();
    try {
      for (;;) {
        const chunk = await this.#chunk(request, body, cancel);
        if (!chunk) return;
        yield* reader.feed(chunk);
      }
    } finally {
      request.signal?.removeEventListener("abort", stop);
    }
  }

  async #begun(request: Request, isFirst: boolean, cancel: AbortController): Promise<Response> {
    try {
      return await this.#transport.begun(request, cancel);
    } catch (error) {
      if (isFirst || !(error instanceof ProblemError) || ![404, 410].includes(error.status)) throw error;
      throw new Interrupted(`the answer broke off and cannot be resumed: ${error.message}`);
    }
  }

  async #chunk(
    request: Request,
    body: ReadableStreamDefaultReader<Uint8Array> | undefined,
    cancel: AbortController,
  ): Promise<Uint8Array | undefined> {
    const late = setTimeout(() => cancel.abort(new TimedOut(`the stream was silent for ${SILENCE} ms`)), SILENCE);
    try {
      return (await body?.read())?.value;
    } catch (error) {
      const problem = translated(request, cancel.signal.aborted ? cancel.signal.reason : error);
      throw problem instanceof Interrupted ? new Broken(problem) : problem;
    } finally {
      clearTimeout(late);
    }
  }
}

/** A connection that can be taken up again. */
class Broken extends Interrupted {
  constructor(readonly problem: Interrupted) {
    super(problem.message);
  }
}

function question(where: string, text: string, asking: Asking): Request {
  const headers: Record<string, string> = { "Idempotency-Key": asking.idempotencyKey ?? newKey() };
  if (where === "/stream") headers.Accept = "text/event-stream"; // also where something else is the default
  if (asking.endUser !== undefined) headers["Gagarin-End-User"] = asking.endUser;
  const { conversation } = asking;
  const body = typeof conversation === "string" ? { input: text, conversation } : { input: text };
  return { method: "POST", path: where, body, headers, signal: asking.signal };
}

/** What asks for the events after one. */
function rest(first: Request, lastId: string): Request {
  const { "Idempotency-Key": _, ...kept } = first.headers ?? {};
  return { method: "GET", path: "/stream", headers: { ...kept, "Last-Event-ID": lastId }, signal: first.signal };
}

/** Random, also in pages that are not served securely, where `crypto.randomUUID` is not there. */
function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function typed(raw: Raw): Event | undefined {
  let data: Record<string, unknown>;
  try {
    data = JSON.parse(raw.data);
  } catch {
    throw new NotGagarin(`an event ${raw.name} is no JSON`);
  }
  if (raw.name === "error") throw new ProblemError(Number(data.status), data);
  return KNOWN.has(raw.name) ? ({ ...data, type: raw.name } as unknown as Event) : undefined;
}

function path(conversation: string): string {
  if (!/^[-\w]{1,64}$/.test(conversation)) throw new SettingsError("that is no id of a conversation");
  return `/conversations/${conversation}`;
}

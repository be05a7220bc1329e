// Refusals, repeats and broken connections, with servers that behave badly.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { afterEach, test } from "node:test";
import { Client, GagarinError, Interrupted, NotGagarin, ProblemError, serviceUrl, SettingsError, TimedOut } from "gagarin-client";

const servers = [];
let onText = () => {};
afterEach(() => servers.splice(0).forEach((server) => (server.closeAllConnections(), server.close())));

/** Each request takes the next of `behaviours`; what came is in `requests`. */
async function serving(...behaviours) {
  const requests = [];
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts).toString();
    requests.push({ method: request.method, path: request.url, headers: request.headers, body });
    behaviours.shift()(response);
  });
  servers.push(server);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, requests };
}

const json = (document, status = 200, headers = {}) => (response) =>
  response.writeHead(status, headers).end(JSON.stringify(document));
const problem = (status, slug = "some", headers = {}) =>
  json({ type: `https://gagarin.fyodorov.ai/problems/${slug}`, title: "No", status, detail: "because" }, status, headers);
const event = (number, name, data) => `event: ${name}\ndata: ${JSON.stringify(data)}\nid: s.${number}\n\n`;
const writing = (...parts) => (response) => response.writeHead(200).end(parts.join(""));
/** Cut once the first text is read: what a client has received and not yet read is lost to it then. */
const cutting = (...parts) => (response) => {
  response.writeHead(200).write(parts.join("") || ":\n\n");
  onText = () => response.destroy();
  if (!parts.length) onText();
};
const cut = (response) => response.destroy();

const FIRST = event(1, "token", { text: "Good " });
const SECOND = event(2, "token", { text: "day." });
const DONE = event(3, "done", { conversation: "c1" });

async function textOf(stream) {
  let text = "";
  for await (const each of stream) {
    if (each.type !== "token") continue;
    text += each.text;
    onText();
  }
  return text;
}

test("a question is sent with its token, its key and whom it is for", async () => {
  const { url, requests } = await serving(json({ answer: "Hi", conversation: "c1", usage: null }), json({ days: [] }));
  const client = new Client(`${url}/`, async () => " t0ken\n", { endUser: "ann" });
  assert.equal((await client.chat("Hello", { conversation: "c1" })).answer, "Hi");
  assert.deepEqual(await client.usage(7), []);
  assert.equal(requests[0].headers.authorization, "Bearer t0ken");
  assert.equal(requests[0].headers["gagarin-end-user"], "ann");
  assert.match(requests[0].headers["idempotency-key"], /^[0-9a-f]{32}$/);
  assert.deepEqual(JSON.parse(requests[0].body), { input: "Hello", conversation: "c1" });
  assert.equal(requests[1].path, "/usage?days=7");
});

test("a refusal says what the Instance says", async () => {
  const { url } = await serving(problem(403, "forbidden"), (response) => response.writeHead(502).end("<html>"));
  const client = new Client(url, "t");
  await assert.rejects(client.chat("Hello"), (error) => {
    assert.ok(error instanceof ProblemError && error instanceof GagarinError);
    assert.deepEqual([error.status, error.slug, error.message], [403, "forbidden", "No: because"]);
    return true;
  });
  await assert.rejects(client.chat("Hello"), { name: "ProblemError", message: "The server answered 502" });
});

test("what is refused for now, or breaks, is asked again with the same key", async () => {
  const later = { "Retry-After": "0" };
  const { url, requests } = await serving(problem(503, "busy", later), cut, json({ answer: "Hi" }));
  assert.equal((await new Client(url, "t").chat("Hello")).answer, "Hi");
  assert.equal(new Set(requests.map((each) => each.headers["idempotency-key"])).size, 1);
});

test("attempts and waits are bounded", async () => {
  const { url, requests } = await serving(problem(429, "tokens-spent", { "Retry-After": "40000" }), cut, cut);
  await assert.rejects(new Client(url, "t").chat("Hello"), { retryAfter: 40000 });
  await assert.rejects(new Client(url, "t", { attempts: 2 }).chat("Hello"), Interrupted);
  assert.equal(requests.length, 3);
});

test("an answer that takes too long is not asked for again", async () => {
  const { url, requests } = await serving(() => {}, () => {});
  const client = new Client(url, "t", { timeout: 50 });
  await assert.rejects(client.chat("Hello"), TimedOut);
  await assert.rejects(textOf(client.stream("Hello")), TimedOut);
  assert.equal(requests.length, 2);
});

test("what is no Instance is told", async () => {
  const { url } = await serving((response) => response.writeHead(200).end("<html>"), writing("event: token\ndata: x\n\n"));
  const client = new Client(url, "t");
  await assert.rejects(client.chat("Hello"), NotGagarin);
  await assert.rejects(textOf(client.stream("Hello")), NotGagarin);
});

test("events have a type, and those of newer servers are left out", async () => {
  const used = event(2, "usage", { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 });
  const { url } = await serving(writing(FIRST, event(9, "new", {}), used, DONE));
  const found = [];
  for await (const each of new Client(url, "t").stream("Hello")) found.push(each);
  assert.deepEqual(found, [
    { type: "token", text: "Good " },
    { type: "usage", prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
    { type: "done", conversation: "c1" },
  ]);
});

test("a cut stream goes on after its last event", async () => {
  const { url, requests } = await serving(cutting(FIRST, SECOND.slice(0, 20)), writing(SECOND, DONE));
  assert.equal(await textOf(new Client(url, "t").stream("Hello", { endUser: "ann" })), "Good day.");
  const { method, path, headers } = requests[1];
  assert.deepEqual([method, path, headers["last-event-id"]], ["GET", "/stream", "s.1"]);
  assert.equal(headers["gagarin-end-user"], "ann");
  assert.equal(headers["idempotency-key"], undefined);
  assert.deepEqual(requests.map((each) => each.headers.accept), ["text/event-stream", "text/event-stream"]);
});

test("one that is cut before its first event is asked again", async () => {
  const { url, requests } = await serving(cutting(), writing(FIRST, SECOND, DONE));
  assert.equal(await textOf(new Client(url, "t").stream("Hello")), "Good day.");
  assert.deepEqual(requests.map((each) => each.method), ["POST", "POST"]);
});

test("one that cannot be taken up again says why", async () => {
  const { url } = await serving(cutting(FIRST), problem(410, "events-gone"), cutting(FIRST), writing(), writing(), writing());
  await assert.rejects(textOf(new Client(url, "t").stream("Hello")), /cannot be resumed: No: because/);
  await assert.rejects(textOf(new Client(url, "t").stream("Hello")), /ended before the answer was whole/);
});

test("an event `error` is thrown", async () => {
  const { url } = await serving(writing(FIRST, event(2, "error", { type: "x", title: "Late", status: 401 })));
  await assert.rejects(textOf(new Client(url, "t").stream("Hello")), { name: "ProblemError", status: 401, title: "Late" });
});

test("leaving the loop, and a signal, end the connection", async () => {
  const gone = [];
  const open = (response) => {
    gone.push(new Promise((resolve) => response.on("close", resolve)));
    response.writeHead(200).write(FIRST);
  };
  const { url } = await serving(open, open);
  const client = new Client(url, "t");
  for await (const each of client.stream("Hello")) if (each.type === "token") break;
  await gone[0];
  const leaving = new AbortController();
  await assert.rejects(
    (async () => {
      for await (const _ of client.stream("Hello", { signal: leaving.signal })) leaving.abort(new Error("enough"));
    })(),
    /enough/,
  );
  await gone[1];
});

test("settings that cannot be are refused before anything is sent", async () => {
  assert.throws(() => new Client("helper", "t"), SettingsError);
  assert.throws(() => new Client("http://user:word@host", "t"), SettingsError);
  await assert.rejects(new Client("http://host", "").chat("Hello"), SettingsError);
  await assert.rejects(new Client("http://host", "t").delete(".."), SettingsError);
});

test("an Instance's place in its cluster follows from its name", () => {
  assert.equal(serviceUrl("helper", "team-a"), "http://helper.team-a.svc");
  assert.equal(serviceUrl("helper", "team-a", { tls: true }), "https://helper.team-a.svc");
  assert.throws(() => serviceUrl("helper.evil/", "a"), SettingsError);
});

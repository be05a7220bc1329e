// A real Instance: GAGARIN_URL and GAGARIN_TOKEN say where and as whom (tests/integration/typescript starts it).
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "gagarin-client";

const { GAGARIN_URL, GAGARIN_TOKEN } = process.env;
const skip = GAGARIN_URL ? false : "GAGARIN_URL is not set";

test("a conversation is made, read and erased", { skip }, async () => {
  const client = new Client(GAGARIN_URL, () => GAGARIN_TOKEN);
  const first = await client.chat("Hello");
  assert.equal(first.answer, "Good day.");
  assert.equal(first.usage.total_tokens, 10);
  const { conversation } = first;
  const events = [];
  for await (const event of client.stream("Again", { conversation })) events.push(event);
  assert.equal(events.filter((each) => each.type === "token").map((each) => each.text).join(""), "Good day.");
  assert.deepEqual(events.at(-1), { type: "done", conversation });
  const { messages } = await client.read(conversation);
  assert.deepEqual(messages.map((each) => each.content), ["Hello", "Good day.", "Again", "Good day."]);
  assert.deepEqual((await client.conversations({ limit: 5 })).conversations.map((each) => each.id), [conversation]);
  await client.delete(conversation);
  await assert.rejects(client.read(conversation), { status: 404 });
  assert.equal(await client.deleteAll(), 0);
});

test("a repeated key gets the first answer, and end users are kept apart", { skip }, async () => {
  const ann = new Client(GAGARIN_URL, GAGARIN_TOKEN, { endUser: "ann" });
  const answers = [await ann.chat("Hello", { idempotencyKey: "one" }), await ann.chat("Hello", { idempotencyKey: "one" })];
  assert.deepEqual(answers[0], answers[1]);
  await assert.rejects(ann.chat("Other", { idempotencyKey: "one" }), { slug: "idempotency-mismatch" });
  const ben = new Client(GAGARIN_URL, GAGARIN_TOKEN, { endUser: "ben" });
  await assert.rejects(ben.read(answers[0].conversation), { status: 404 });
  assert.ok(Array.isArray(await ann.usage()));
});

test("a token that is not for it is refused", { skip }, async () => {
  await assert.rejects(new Client(GAGARIN_URL, "wrong").chat("Hello"), { status: 401 });
});

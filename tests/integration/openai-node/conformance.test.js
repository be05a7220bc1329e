// The official Node client of OpenAI at a real chat server. GAGARIN_URL and GAGARIN_TOKEN say where and as whom.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";

const { GAGARIN_URL, GAGARIN_TOKEN } = process.env;
const client = new OpenAI({ baseURL: `${GAGARIN_URL}/v1`, apiKey: GAGARIN_TOKEN, maxRetries: 0 });
const messages = [{ role: "user", content: "Hello" }];

test("a completion", async () => {
  const answer = await client.chat.completions.create({ model: "helper", messages });
  assert.equal(answer.choices[0].message.content, "Good day.");
  assert.equal(answer.usage.total_tokens, 10);
});

test("a streamed completion", async () => {
  const stream = await client.chat.completions.create({ model: "helper", messages, stream: true });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
  assert.equal(text, "Good day.");
});

test("the client's own accumulator", async () => {
  const stream = client.chat.completions.stream({ model: "helper", messages });
  const completion = await stream.finalChatCompletion();
  assert.equal(completion.choices[0].message.content, "Good day.");
});

test("a response", async () => {
  const answer = await client.responses.create({ model: "helper", input: "Hello" });
  assert.equal(answer.output_text, "Good day.");
});

test("a streamed response", async () => {
  const stream = client.responses.stream({ model: "helper", input: messages });
  let text = "";
  for await (const event of stream) if (event.type === "response.output_text.delta") text += event.delta;
  assert.equal(text, "Good day.");
  assert.equal((await stream.finalResponse()).status, "completed");
});

test("the models", async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.deepEqual(names, ["helper"]);
});

test("errors are those that users of the client catch", async () => {
  const tools = [{ type: "function", function: { name: "f", parameters: {} } }];
  await assert.rejects(client.chat.completions.create({ model: "helper", messages, tools }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, "tools");
    return true;
  });
  await assert.rejects(client.responses.create({ model: "gpt-5", input: "Hello" }), OpenAI.NotFoundError);
  const stranger = new OpenAI({ baseURL: `${GAGARIN_URL}/v1`, apiKey: "sk-wrong", maxRetries: 0 });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
});

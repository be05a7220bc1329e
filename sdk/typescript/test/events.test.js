// Events out of bytes that are split anywhere.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EventReader } from "../dist/events.js";

const STREAM = new TextEncoder().encode(
  'event: token\ndata: {"text":"é"}\nid: s.1\n\n:\n\nevent: done\r\ndata:{}\r\nid: s.2\r\n\r\ndata: a\ndata: b\nretry: 1\n\n',
);
const EVENTS = [
  { name: "token", data: '{"text":"é"}' },
  { name: "done", data: "{}" },
  { name: "message", data: "a\nb" },
];

test("it does not matter where the bytes are split", () => {
  for (let first = 0; first <= STREAM.length; first += 1) {
    for (const second of [first, first + 1, first + 7, STREAM.length]) {
      const reader = new EventReader();
      const parts = [STREAM.slice(0, first), STREAM.slice(first, second), STREAM.slice(second)];
      assert.deepEqual(parts.flatMap((part) => [...reader.feed(part)]), EVENTS);
      assert.equal(reader.lastId, "s.2");
    }
  }
});

test("after a break it begins with a whole event", () => {
  const reader = new EventReader();
  assert.deepEqual([...reader.feed(new TextEncoder().encode("event: token\ndata: half\nid: s.9\nda"))], []);
  reader.restart();
  assert.equal(reader.lastId, "");
  const whole = new TextEncoder().encode("event: done\ndata: {}\nid: s.1\n\n");
  assert.deepEqual([...reader.feed(whole)], [{ name: "done", data: "{}" }]);
});

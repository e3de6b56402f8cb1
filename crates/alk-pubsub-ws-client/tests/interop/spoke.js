// A spoke: subscribes to `a`, publishes what it gets on `b`, twice, is refused a bad topic, and leaves.
const assert = require("node:assert");
const WebSocket = require("ws");

const socket = new WebSocket(process.argv[2], "alk-pubsub.v1.json");
const waiting = [];
const frames = [];
socket.on("message", (data) => {
  frames.push(JSON.parse(data.toString()));
  if (waiting.length > 0) waiting.shift()();
});
socket.on("error", (error) => { console.error(error); process.exit(1); });

const send = (type, id, payload) => socket.send(JSON.stringify({ type, id, payload }));
const receive = async (type) => {
  while (frames.length === 0) await new Promise((resolve) => waiting.push(resolve));
  const frame = frames.shift();
  assert.strictEqual(frame.type, type, JSON.stringify(frame));
  return frame;
};

(async () => {
  const welcome = await receive("__welcome");
  assert.strictEqual(welcome.payload.protocol, 1);
  send("__subscribe", "s1", { topics: ["a"] });
  const subscribed = await receive("__subscribed");
  assert.deepStrictEqual([subscribed.id, subscribed.payload.topics], ["s1", ["a"]]);
  console.log("subscribed");
  const event = await receive("a");
  console.log(JSON.stringify(event));
  const again = { type: "b", id: "", payload: event.payload };
  send("__publish", "p1", again);
  const published = await receive("__published");
  assert.strictEqual(published.id, "p1");
  console.log("published", published.payload.receivers);
  socket.send(JSON.stringify(again));
  send("__subscribe", "s2", { topics: ["a b"] });
  const error = await receive("__error");
  assert.deepStrictEqual([error.id, error.payload.topic], ["s2", "a b"]);
  console.log("refused", error.payload.code);
  socket.close(1000);
})().catch((error) => { console.error(error); process.exit(1); });

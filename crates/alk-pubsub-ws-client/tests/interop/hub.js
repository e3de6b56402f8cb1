// A small hub: subscribe, unsubscribe, publish; `forbidden` is forbidden. Prints its port.
const { WebSocketServer } = require("ws");

const spokes = new Map();
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: () => "alk-pubsub.v1.json" });
server.on("listening", () => console.log(server.address().port));

const publish = (event) => {
  let receivers = 0;
  for (const [socket, topics] of spokes) {
    if (topics.has(`${event.type}:${event.id ?? ""}`) || topics.has(event.type) || topics.has("*")) {
      receivers += 1;
      socket.send(JSON.stringify(event));
    }
  }
  return receivers;
};

server.on("connection", (socket) => {
  const topics = new Set();
  const send = (type, id, payload) => socket.send(JSON.stringify({ type, id, payload }));
  spokes.set(socket, topics);
  socket.on("close", () => spokes.delete(socket));
  send("__welcome", "c", { protocol: 1, heartbeat_ms: 25000, max_frame_bytes: 65536, max_topics: 128 });
  socket.on("message", (data) => {
    const frame = JSON.parse(data.toString());
    const { type, id = "", payload } = frame;
    if (type === "__subscribe") {
      const granted = payload.topics.filter((topic) => topic !== "forbidden");
      for (const topic of payload.topics) {
        if (topic === "forbidden") send("__error", id, { code: "forbidden", message: "no", topic });
        else topics.add(topic);
      }
      if (granted.length > 0) send("__subscribed", id, { topics: granted });
    } else if (type === "__unsubscribe") {
      payload.topics.forEach((topic) => topics.delete(topic));
      send("__unsubscribed", id, payload);
    } else if (type === "__publish") {
      send("__published", id, { receivers: publish(payload) });
    } else {
      publish(frame);
    }
  });
});

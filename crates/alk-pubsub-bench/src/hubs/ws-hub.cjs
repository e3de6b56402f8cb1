// A hub on the package `ws`, as one writes it by hand. It speaks as much of the wire protocol as the load needs.
const { WebSocket, WebSocketServer } = require('ws');

const topics = new Map(); // "type:id" -> Set of sockets
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog: 4096 });

server.on('listening', () => console.log(`ws://127.0.0.1:${server.address().port}`));
server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (data) => {
    const text = data.toString();
    const { type, id, payload } = JSON.parse(text);
    if (type === '__subscribe') {
      const [topic] = payload.topics;
      if (!topics.has(topic)) topics.set(topic, new Set());
      topics.get(topic).add(socket);
      socket.on('close', () => topics.get(topic).delete(socket));
      socket.send('{"type":"__subscribed","id":"","payload":{"topics":[]}}');
      return;
    }
    for (const client of topics.get(`${type}:${id}`) ?? []) {
      if (client.readyState === WebSocket.OPEN) client.send(text);
    }
  });
  socket.send('{"type":"__welcome","id":"","payload":{}}');
});

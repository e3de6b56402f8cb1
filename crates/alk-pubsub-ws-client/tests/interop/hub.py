"""A small hub: subscribe, unsubscribe, publish; `forbidden` is forbidden. Prints its port."""

import asyncio
import json

import websockets

spokes = {}


def matches(topics, event):
    topic = f"{event['type']}:{event.get('id', '')}"
    return bool({topic, event["type"], "*"} & topics)


async def publish(event):
    receivers = 0
    for socket, topics in list(spokes.items()):
        if matches(topics, event):
            receivers += 1
            await socket.send(json.dumps(event))
    return receivers


async def serve(socket):
    async def send(kind, ref, payload):
        await socket.send(json.dumps({"type": kind, "id": ref, "payload": payload}))

    topics = spokes[socket] = set()
    await send("__welcome", "c", {"protocol": 1, "heartbeat_ms": 25000, "max_frame_bytes": 65536, "max_topics": 128})
    try:
        async for message in socket:
            frame = json.loads(message)
            kind, ref, payload = frame["type"], frame.get("id", ""), frame.get("payload")
            if kind == "__subscribe":
                granted = []
                for topic in payload["topics"]:
                    if topic == "forbidden":
                        await send("__error", ref, {"code": "forbidden", "message": "no", "topic": topic})
                    else:
                        topics.add(topic)
                        granted.append(topic)
                if granted:
                    await send("__subscribed", ref, {"topics": granted})
            elif kind == "__unsubscribe":
                topics.difference_update(payload["topics"])
                await send("__unsubscribed", ref, payload)
            elif kind == "__publish":
                await send("__published", ref, {"receivers": await publish(payload)})
            else:
                await publish(frame)
    finally:
        del spokes[socket]


async def main():
    async with websockets.serve(serve, "127.0.0.1", 0, subprotocols=["alk-pubsub.v1.json"]) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())

"""A spoke: subscribes to `a`, publishes what it gets on `b`, twice, is refused a bad topic, and leaves."""

import asyncio
import json
import sys

import websockets


async def main(url):
    async with websockets.connect(url, subprotocols=["alk-pubsub.v1.json"]) as socket:
        async def send(kind, ref, payload):
            await socket.send(json.dumps({"type": kind, "id": ref, "payload": payload}))

        async def receive(kind):
            frame = json.loads(await socket.recv())
            assert frame["type"] == kind, frame
            return frame

        welcome = await receive("__welcome")
        assert welcome["payload"]["protocol"] == 1 and welcome["id"]
        await send("__subscribe", "s1", {"topics": ["a"]})
        subscribed = await receive("__subscribed")
        assert subscribed["id"] == "s1" and subscribed["payload"]["topics"] == ["a"]
        print("subscribed", flush=True)
        event = await receive("a")
        print(json.dumps(event), flush=True)
        again = {"type": "b", "id": "", "payload": event["payload"]}
        await send("__publish", "p1", again)
        published = await receive("__published")
        assert published["id"] == "p1"
        print("published", published["payload"]["receivers"], flush=True)
        await socket.send(json.dumps(again))
        await send("__subscribe", "s2", {"topics": ["a b"]})
        error = await receive("__error")
        assert error["id"] == "s2" and error["payload"]["topic"] == "a b"
        print("refused", error["payload"]["code"], flush=True)


asyncio.run(main(sys.argv[1]))

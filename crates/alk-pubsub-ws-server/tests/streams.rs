//! Streams that are not sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use alk_pubsub_core::{Dynamic, PubSub};
use alk_pubsub_ws_server::WsServerEventTarget;
use serde_json::json;
use support::{Spoke, in_time};
use tokio::io::BufStream;

#[tokio::test]
async fn a_stream_that_keeps_what_is_written_is_flushed() {
    let hub = WsServerEventTarget::default();
    // Nothing leaves the stream before it is flushed, and a flush takes several goes.
    let (near, far) = tokio::io::duplex(64);
    hub.add_connection(BufStream::new(far), None).unwrap();
    let mut spoke = Spoke::over(near).await;
    assert_eq!(spoke.next().await["type"], "__welcome");
    spoke.subscribe(&["n"]).await;
    let pubsub = PubSub::<Dynamic>::new(hub.clone());
    for n in 0..3 {
        let payload = json!([n, "x".repeat(1000)]);
        in_time(pubsub.publish("n", "", payload.clone())).await.unwrap();
        assert_eq!(spoke.next().await["payload"], payload);
    }
}

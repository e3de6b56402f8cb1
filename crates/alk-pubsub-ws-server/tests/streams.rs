//! Streams that are not sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use alk_pubsub_core::{Dynamic, PubSub};
use alk_pubsub_ws_server::{Limits, WsServerEventTarget};
use serde_json::json;
use support::{Spoke, in_time};
use tokio::io::{AsyncRead, AsyncWrite, BufStream, DuplexStream};

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

// A pipe with room for little, so that pings stand behind what was not read.
const ROOM: usize = 16 << 10;

#[tokio::test]
async fn a_slow_spoke_that_reads_lives_through_heartbeats_it_cannot_answer_in_time() {
    let (near, far) = tokio::io::duplex(ROOM);
    reads_slowly(near, far).await;
}

#[tokio::test]
async fn so_it_does_where_the_stream_keeps_what_its_pipe_does_not_take() {
    let (near, far) = tokio::io::duplex(ROOM);
    reads_slowly(near, BufStream::with_capacity(ROOM, 64 << 10, far)).await;
}

async fn reads_slowly(mut near: DuplexStream, far: impl AsyncRead + AsyncWrite + Send + 'static) {
    let mut limits = Limits::default();
    limits.heartbeat = Duration::from_millis(300);
    limits.heartbeat_timeout = Duration::from_millis(700);
    let hub =
        WsServerEventTarget::builder(alk_pubsub_core::InProcessEventTarget::default()).limits(limits).build();
    let connection = hub.add_connection(far, None).unwrap();
    let subscribe = br#"{"type":"__subscribe","id":"","payload":{"topics":["n"]}}"#;
    let mut frame = vec![0x81, 0x80 | subscribe.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(subscribe);
    tokio::io::AsyncWriteExt::write_all(&mut near, &frame).await.unwrap();
    let pubsub = PubSub::<Dynamic>::new(hub.clone());
    in_time(async {
        while pubsub.stats().subscribers == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for n in 0..500 {
        pubsub.publish("n", "", json!([n, "x".repeat(1000)])).await.unwrap();
    }
    // It takes seconds to read it all, answers no ping, and is there at the end.
    let mut piece = vec![0; 8 << 10];
    let mut every = tokio::time::interval(Duration::from_millis(50));
    let mut read = 0;
    while read < 500_000 {
        every.tick().await;
        let taken = in_time(tokio::io::AsyncReadExt::read(&mut near, &mut piece)).await.unwrap();
        assert!(taken > 0, "the hub has closed a spoke that reads, after {read} bytes");
        read += taken;
    }
    assert!(hub.connection(connection.id()).is_some());
}

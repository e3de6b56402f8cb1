//! `alk-hub bench`, against a hub and against one that loses events.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use support::{Hub, run};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

/// Few listeners for a moment.
const SMALL: [&str; 8] =
    ["--connections", "5", "--duration", "200ms", "--warm-up", "50ms", "--json", "--hub"];

async fn bench(url: &str, more: &[&str]) -> support::Done {
    let all: Vec<&str> = ["bench"].iter().chain(&SMALL).chain(&[url]).chain(more).copied().collect();
    run(&all).await
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn everything_arrives_by_every_transport_and_at_every_pace() {
    let hub = Hub::start(&[]).await;
    for more in [
        &["--window", "1"][..],
        &["--window", "64", "--payload-bytes", "2KiB"],
        &["--rate", "500"],
        &["--transport", "sse", "--window", "64"],
        &["--transport", "sse", "--rate", "500"],
    ] {
        let said = lines(&bench(&hub.url(), more).await.fine());
        let states: Vec<&str> = said.iter().map(|line| line["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["connected", "measuring", "done"], "{more:?}");
        let done = &said[2];
        let published = done["published"].as_u64().unwrap();
        assert!(published > 0, "{more:?}: {done}");
        assert_eq!(done["delivered_in_all"], published * 5, "{more:?}: {done}");
        assert_eq!(
            (&done["lost"], &done["missed_in_gaps"], &done["disordered"]),
            (&0.into(), &0.into(), &0.into())
        );
        assert!(done["latency_us"]["p50"].as_u64() <= done["latency_us"]["max"].as_u64(), "{done}");
    }
}

#[tokio::test]
async fn people_get_sentences() {
    let hub = Hub::start(&[]).await;
    let said = run(&["bench", "--connections", "2", "--duration", "50ms", "--hub", &hub.url()]).await.fine();
    assert!(said.contains("delivered ") && said.contains("late by ") && said.contains(" p99 "), "{said}");
}

#[tokio::test]
async fn what_a_hub_leaves_out_is_fine_if_it_says_so() {
    for (gap, code) in [(true, 0), (false, 1)] {
        let url = leaves_out_every_hundredth(gap).await;
        let done = bench(&url, &["--window", "32"]).await;
        assert_eq!(done.code, Some(code), "{done:?}");
        let last = lines(&done.stdout).pop().unwrap();
        let (lost, missed) = (last["lost"].as_u64().unwrap(), last["missed_in_gaps"].as_u64().unwrap());
        assert_eq!((lost > 0, missed > 0), (!gap, gap), "{last}");
        assert_eq!(done.stderr.contains("without a gap"), !gap, "{done:?}");
    }
}

#[tokio::test]
async fn a_hub_that_is_not_there_or_refuses_is_named() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let done = bench(&format!("ws://{nobody}/ws"), &[]).await;
    assert_eq!((done.code, done.stderr.is_empty()), (Some(1), false), "{done:?}");
    let hub = Hub::start(&["--max-connections", "3"]).await;
    let done = bench(&hub.url(), &[]).await;
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("503"), "{done:?}");
    let done = bench("wss://127.0.0.1/ws", &[]).await;
    assert_eq!(done.code, Some(2), "{done:?}");
}

type Listeners = Arc<Mutex<Vec<mpsc::Sender<Message>>>>;

/// A hub that does so, and says it with a gap or not. Its address.
async fn leaves_out_every_hundredth(gap: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let listeners = Listeners::default();
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, gap, listeners.clone()));
        }
    });
    url
}

async fn serve(stream: TcpStream, gap: bool, listeners: Listeners) {
    let (mut sink, mut frames) = tokio_tungstenite::accept_async(stream).await.unwrap().split();
    let frame = |kind: &str, payload: Value| {
        Message::text(json!({"type": kind, "id": "", "payload": payload}).to_string())
    };
    sink.send(frame("__welcome", json!({}))).await.unwrap();
    let (sender, mut outgoing) = mpsc::channel(256);
    tokio::spawn(async move {
        while let Some(message) = outgoing.recv().await {
            if sink.send(message).await.is_err() {
                break;
            }
        }
    });
    while let Some(Ok(message)) = frames.next().await {
        let Message::Text(text) = message else { continue };
        let value: Value = serde_json::from_str(&text).unwrap();
        if value["type"] == "__subscribe" {
            sender.send(frame("__subscribed", value["payload"].clone())).await.unwrap();
            listeners.lock().unwrap().push(sender.clone());
            continue;
        }
        let message = match (value["payload"]["n"].as_u64().unwrap() % 100 == 3, gap) {
            (false, _) => Message::Text(text),
            (true, true) => frame("__gap", json!({"reason": "slow_consumer", "missed": 1})),
            (true, false) => continue,
        };
        let all = listeners.lock().unwrap().clone();
        for listener in all {
            let _ = listener.send(message.clone()).await;
        }
    }
}

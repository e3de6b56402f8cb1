//! A real log, all the way through.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Client, Hub, Spoke, envelope, real_lines};
use tokio::sync::watch;

const LINES: usize = 20_000;
/// So many lines are sent before those who read have them all: fewer than may wait for a client.
const WINDOW: usize = 500;

/// Large events that nobody waits for.
const FILLERS: usize = 2000;

/// Checks that each line comes, once and in order, and tells how far it is.
struct Check<'a> {
    lines: &'a [String],
    next: usize,
    progress: &'a watch::Sender<usize>,
}

impl Check<'_> {
    fn event(&mut self, event: &Value) {
        assert_eq!((&event["type"], &event["id"]), (&json!("log.line"), &json!("machine")), "{event}");
        assert_eq!(event["payload"], json!({"number": self.next, "line": self.lines[self.next]}));
        self.next += 1;
        self.progress.send_replace(self.next);
    }

    async fn stream(mut self, mut client: Client) {
        while self.next < LINES {
            self.event(&client.event().await.expect("an event").data());
        }
    }

    async fn spoke(mut self, mut spoke: Spoke) {
        while self.next < LINES {
            self.event(&spoke.frame().await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_reaches_who_reads_and_who_does_not_is_told() {
    let hub = Hub::start(&["--queue", "256KiB"]).await;
    let lines = real_lines(LINES);
    let (mut sse, mut one, mut other) = (hub.connect().await, hub.spoke().await, hub.spoke().await);
    sse.open("/events?topic=log.line:machine").await;
    one.subscribe(&["log.line:machine"]).await;
    other.subscribe(&["log.line", "log.line:machine"]).await;
    let mut stalled = Spoke::connect(hub.socket_with_little_room().await).await;
    stalled.subscribe(&["log.line"]).await;

    let progress = [watch::Sender::new(0), watch::Sender::new(0), watch::Sender::new(0)];
    let check = |reader: usize| Check { lines: &lines, next: 0, progress: &progress[reader] };
    let publish = async {
        let mut publisher = hub.connect().await;
        publisher.begin_post("application/x-ndjson").await;
        for (window, chunk) in lines.chunks(WINDOW).enumerate() {
            let mut text = String::new();
            for (line, number) in chunk.iter().zip(window * WINDOW..) {
                text.push_str(&envelope("log.line:machine", json!({"number": number, "line": line})));
                text.push('\n');
            }
            publisher.send_chunk(&text).await;
            for reader in &progress {
                reader.subscribe().wait_for(|done| *done >= window * WINDOW + chunk.len()).await.unwrap();
            }
        }
        publisher.send("0\r\n\r\n").await;
        publisher.answer().await
    };
    let start = std::time::Instant::now();
    let ((head, answer), (), (), ()) =
        tokio::join!(publish, check(0).stream(sse), check(1).spoke(one), check(2).spoke(other));
    println!("{LINES} lines to 3 readers in {:?}", start.elapsed());
    assert_eq!((head.status, &answer["published"]), (202, &json!(LINES)));
    assert_eq!(
        answer["receivers"],
        json!(4 * LINES),
        "the one that does not read is a receiver all the same"
    );

    // Now more than its socket, any system and its queue hold together.
    let filler = format!("{}\n", envelope("log.line:filler", "x".repeat(10_000))).repeat(FILLERS);
    assert_eq!(hub.connect().await.post("application/x-ndjson", &filler).await.0.status, 202);
    let last = envelope("log.line:last", Value::Null);
    hub.connect().await.post("application/json", &last).await;

    // It reads again: what it has and what it is told to have missed is everything, in order.
    let (mut seen, mut missed, mut gaps) = (0, 0, 0);
    loop {
        let frame = stalled.frame().await;
        match frame["type"].as_str().unwrap() {
            "__gap" => {
                assert_eq!(frame["payload"]["reason"], "slow_consumer");
                missed += frame["payload"]["missed"].as_u64().unwrap();
                gaps += 1;
            }
            _ if frame["id"] == "last" => break,
            _ if frame["id"] == "machine" => {
                assert_eq!(frame["payload"]["number"], json!(seen + missed));
                seen += 1;
            }
            _ => seen += 1,
        }
    }
    assert_eq!(seen + missed, (LINES + FILLERS) as u64);
    assert!(gaps >= 1 && missed > 0);
    println!("the stalled reader saw {seen} and was told of {missed} in {gaps} gaps");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_costs_no_more_than_its_queue() {
    const QUEUE: usize = 256 << 10;
    let hub = Hub::start(&["--queue", "256KiB"]).await;
    let mut stalled = Vec::new();
    for _ in 0..10 {
        let mut client = Client::new(hub.socket_with_little_room().await);
        client.open("/events?topic=log.line").await;
        stalled.push(client);
    }
    let mut reader = hub.connect().await;
    reader.open("/events?topic=log.done").await;
    let body = format!("{}\n", envelope("log.line:1", "x".repeat(1000))).repeat(2000);
    let mut publish = async |times: usize| {
        for _ in 0..times {
            hub.connect().await.post("application/x-ndjson", &body).await;
        }
        hub.connect().await.post("application/json", envelope("log.done:1", 0)).await;
        // And nobody waits for those who do not read.
        tokio::time::timeout(Duration::from_secs(30), reader.event()).await.expect("in time").unwrap();
    };
    publish(10).await;
    let before = hub.resident();
    publish(50).await; // 100 MB
    let (Some(before), Some(after)) = (before, hub.resident()) else {
        return println!("skipped: the system does not tell");
    };
    println!("{} KiB resident, then {} KiB, with 10 stalled clients", before >> 10, after >> 10);
    assert!(after < before + 10 * QUEUE + (8 << 20), "{before} became {after}");
}

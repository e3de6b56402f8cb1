//! Clients of event streams, which know nothing but HTTP.

use std::time::Duration;

use rand::Rng;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::ledger::{Ledger, add};
use crate::life::{PATIENCE, World, between};
use crate::watch::Watch;

/// How long a hub may take before it answers.
const ANSWER: Duration = Duration::from_secs(20);

/// One client after the other, until it is over.
pub(crate) async fn live(world: World, number: u64) {
    let mut random = world.random(4, number);
    while !world.is_over() {
        let (host, port) = world.hub(&mut random).address();
        let mut topics: Vec<usize> = Vec::new();
        let mut query: Vec<String> = Vec::new();
        for _ in 0..random.random_range(1..=5) {
            let topic = world.topic(&mut random);
            let (event_type, id) = Ledger::name(topic);
            if random.random_ratio(1, 8) {
                topics.extend(Ledger::siblings(topic));
                query.push(format!("topic={event_type}"));
            } else {
                topics.push(topic);
                query.push(format!("topic={event_type}:{id}"));
            }
        }
        let query = query.join("&");
        let opened = timeout(ANSWER, open(host, port, &query)).await;
        if let Ok(Some(lines)) = opened {
            let watch = Watch::begin(&world.ledger, format!("stream {number} of {query}"), topics);
            let stay = between(&mut random, 500, 20_000);
            listen(&world, lines, watch, stay, random.random()).await;
        } else {
            add(&world.ledger.counted.refused, 1);
        }
        sleep(between(&mut random, 0, 1000)).await;
    }
}

/// Asks for a stream and waits until it says that it is open. HTTP/1.0 has no chunks: the body is the stream as it is.
async fn open(host: &str, port: u16, query: &str) -> Option<Lines<BufReader<OwnedReadHalf>>> {
    let (reader, mut writer) = TcpStream::connect((host, port)).await.ok()?.into_split();
    let request = format!("GET /events?{query} HTTP/1.0\r\nhost: {host}\r\n\r\n");
    writer.write_all(request.as_bytes()).await.ok()?;
    // Half of a connection that is closed would end the whole.
    writer.forget();
    let mut lines = BufReader::new(reader).lines();
    let status = lines.next_line().await.ok()??;
    if status.split(' ').nth(1) != Some("200") {
        return None;
    }
    while lines.next_line().await.ok()?? != ": subscribed" {}
    Some(lines)
}

async fn listen(
    world: &World,
    mut lines: Lines<BufReader<OwnedReadHalf>>,
    mut watch: Watch,
    stay: Duration,
    in_the_middle: bool,
) {
    let mut event_type = String::new();
    let until = Instant::now() + stay;
    while Instant::now() < until && !world.is_over() {
        let soon = until.min(Instant::now() + Duration::from_millis(500));
        match timeout_at(soon, lines.next_line()).await {
            Ok(Ok(Some(line))) => take(&line, &mut event_type, &mut watch),
            // A stream that is cut off is over: what comes later is not owed.
            Ok(_) => return,
            Err(_) => continue,
        }
    }
    if in_the_middle && !world.is_over() {
        return;
    }
    let (owed, until) = (watch.owed(), Instant::now() + PATIENCE);
    while !watch.has(&owed) {
        match timeout_at(until, lines.next_line()).await {
            Ok(Ok(Some(line))) => take(&line, &mut event_type, &mut watch),
            Ok(_) => return,
            Err(_) => return watch.never_came(&owed),
        }
    }
    watch.settled();
}

fn take(line: &str, event_type: &mut String, watch: &mut Watch) {
    match line.split_once(": ") {
        Some(("event", name)) => name.clone_into(event_type),
        Some(("data", data)) => {
            let data: Value = serde_json::from_str(data).unwrap_or_default();
            let payload = &data["payload"];
            if event_type == "__gap" {
                watch.gap(payload["reason"].as_str().unwrap_or("of no reason"));
            } else {
                let (named, id) = (data["type"].as_str(), data["id"].as_str());
                let number = payload["n"].as_u64().filter(|_| named == Some(event_type));
                watch.event(event_type, id.unwrap_or_default(), number);
            }
        }
        // Comments, `retry`, and the ends of events.
        _ => {}
    }
}

//! Requests that are too large, without an end, or not what they seem.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::harness::{Attack, By, MIB};
use crate::support::{Spoke, envelope};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn heads_of_a_megabyte() {
    let attack = Attack::on("huge header", &[]).await;
    let head = format!("GET /ws HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "x".repeat(MIB));
    let mut clients = Vec::new();
    for _ in 0..200 {
        let mut client = attack.hub.connect().await;
        // It ends before it has read all.
        let _ = client.stream.write_all(head.as_bytes()).await;
        while !client.is_closed().await {}
        clients.push(client);
    }
    attack.over(clients.len(), By::Hub, 16 * MIB, SOON).await;
}

#[tokio::test]
async fn requests_that_say_a_thing_twice() {
    let attack = Attack::on("duplicate headers", &[]).await;
    let headers =
        ["Host: a", "Authorization: Bearer a", "Origin: http://a", "Content-Type: application/json"];
    for header in headers.iter().cycle().take(400) {
        let mut client = attack.hub.connect().await;
        let host = if header.starts_with("Host") { "" } else { "Host: a\r\n" };
        client
            .send(format!("POST /events HTTP/1.1\r\n{host}{header}\r\n{header}\r\nConnection: close\r\n\r\n"))
            .await;
        assert_eq!(client.head().await.status, 400, "{header}");
        while !client.is_closed().await {}
    }
    attack.over(400, By::Hub, 16 * MIB, SOON).await;
}

#[tokio::test]
async fn bodies_of_one_line_without_an_end() {
    let attack = Attack::on("endless chunked body: one line", &[]).await;
    let chunk = format!("{:x}\r\n{}\r\n", 64 << 10, "x".repeat(64 << 10));
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = attack.hub.connect().await;
        client.begin_post("application/x-ndjson").await;
        // It says that it is too much, reads on for a while so that this is heard, and closes.
        while client.stream.write_all(chunk.as_bytes()).await.is_ok() {}
        clients.push(client);
    }
    attack.over(clients.len(), By::Hub, 24 * MIB, Duration::from_secs(120)).await;
}

#[tokio::test]
async fn bodies_of_empty_lines() {
    let attack = Attack::on("endless chunked body: 16 MiB of empty lines", &[]).await;
    let chunk = format!("{:x}\r\n{}\r\n", 64 << 10, "\n".repeat(64 << 10));
    let mut client = attack.hub.connect().await;
    client.begin_post("application/x-ndjson").await;
    for _ in 0..256 {
        client.send(&chunk).await;
    }
    drop(client);
    attack.over(1, By::Attacker, 16 * MIB, SOON).await;
}

#[tokio::test]
async fn payloads_as_deep_as_they_are_long() {
    let attack = Attack::on("deep JSON: 100,000 levels", &["--max-frame", "1MiB"]).await;
    let mut listener = attack.hub.spoke().await;
    listener.subscribe(&["deep"]).await;
    // One that is to get it as MessagePack, for which it has to be taken apart.
    let stream = tokio::net::TcpStream::connect(attack.hub.address).await.unwrap();
    let mut other = Spoke::connect_msgpack(stream).await;
    other.subscribe(&["deep"]).await;
    let open = |bracket: &str| bracket.repeat(100_000);
    let lists = format!("{}{}", open("["), open("]"));
    let objects = format!("{}1{}", open("{\"a\":"), open("}"));
    for payload in [&lists, &objects] {
        let event = format!("{{\"type\":\"deep\",\"id\":\"1\",\"payload\":{payload}}}");
        let mut spoke = attack.hub.spoke().await;
        spoke.send(&event).await;
        assert_eq!(listener.raw_frame().await, event, "it is passed on as it came");
        attack.hub.connect().await.post("application/json", &event).await;
        assert_eq!(listener.raw_frame().await, event);
        // As the payload of a control frame, as its topics, and as an envelope's type.
        for bad in [
            format!("{{\"type\":\"__subscribe\",\"id\":\"1\",\"payload\":{payload}}}"),
            format!("{{\"type\":\"__subscribe\",\"id\":\"1\",\"payload\":{{\"topics\":{payload}}}}}"),
            format!("{{\"type\":{payload}}}"),
            lists.clone(),
        ] {
            spoke.send(&bad).await;
            let answer = spoke.frame().await;
            assert_eq!(
                (&answer["type"], &answer["payload"]["code"]),
                (&json!("__error"), &json!("bad_frame"))
            );
        }
        spoke.close().await;
    }
    // Each of them, or in place of each a gap: it cannot be had as MessagePack.
    attack.hub.connect().await.post("application/json", envelope("deep:1", "last")).await;
    let mut gaps = 0;
    loop {
        let frame = other.frame().await;
        match frame["type"].as_str() {
            Some("__gap") => gaps += 1,
            _ if frame["payload"] == "last" => break,
            _ => panic!("{frame}"),
        }
    }
    assert!(gaps > 0);
    listener.close().await;
    drop(other);
    attack.over(12, By::Attacker, 64 * MIB, SOON).await;
}

#[derive(Serialize)]
struct EventFrame {
    #[serde(rename = "type")]
    event_type: &'static str,
    id: &'static str,
    payload: BTreeMap<&'static str, &'static str>,
}

#[tokio::test]
async fn payloads_that_grow_when_they_are_translated() {
    let attack = Attack::on("MessagePack that is six times as large as JSON", &[]).await;
    let mut listener = attack.hub.spoke().await;
    listener.subscribe(&["grow"]).await;
    let stream = tokio::net::TcpStream::connect(attack.hub.address).await.unwrap();
    let mut publisher = Spoke::connect_msgpack(stream).await;
    let tries = 40;
    for (payload, least) in [(json!("\u{1}".repeat(60_000)), 360_000), (json!(vec![(); 60_000]), 240_000)] {
        let event = envelope("grow:1", payload);
        for _ in 0..tries / 2 {
            publisher.send(&event).await;
            assert!(listener.raw_frame().await.len() > least);
        }
    }
    // What serde_json means by this key when it comes from itself is nothing to anybody else.
    // Not by way of a value, which would read it as such.
    let payload = BTreeMap::from([("$serde_json::private::RawValue", "[1,2")]);
    let frame = rmp_serde::to_vec_named(&EventFrame { event_type: "grow", id: "1", payload }).unwrap();
    publisher.send_binary(frame).await;
    publisher.send(envelope("grow:1", "and goes on")).await;
    loop {
        let frame = listener.frame().await;
        if frame["payload"] == "and goes on" {
            break;
        }
        assert!(frame["type"] == "__gap" || frame["type"] == "grow", "{frame}");
    }
    publisher.close().await;
    listener.close().await;
    attack.over(tries, By::Attacker, 32 * MIB, SOON).await;
}

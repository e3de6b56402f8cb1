//! `alk-hub pub` and `alk-hub sub`, over a hub.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Stdio;

use support::{Hub, ended, program, run, run_with, signal};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

/// Starts a `sub` and waits until it listens.
async fn sub(hub: &Hub, arguments: &[&str]) -> Child {
    let before = hub.stats().await["subscribers"].as_u64().unwrap();
    let url = hub.url();
    let all: Vec<&str> = ["sub"].iter().chain(arguments).copied().chain(["--hub", &url]).collect();
    let child = program(&all).spawn().unwrap();
    hub.until("it listens", |stats| stats["subscribers"].as_u64() > Some(before)).await;
    child
}

#[tokio::test]
async fn every_way_to_publish() {
    let hub = Hub::start(&[]).await;
    let url = hub.url();
    let listening = sub(&hub, &["*", "--count", "12"]).await;
    run(&["pub", "a", "1", r#"{"z":1.50,"a":[]}"#, "--hub", &url]).await.fine();
    run(&["pub", "a", "", "-5", "--hub", &url]).await.fine();
    run(&["pub", "a", "t", "--text", "good \"morning\"", "--hub", &url]).await.fine();
    run_with(&["pub", "a", "in", "-", "--hub", &url], "{\n \"b\":\n1}\n").await.fine();
    run_with(&["pub", "a", "in", "-", "--text", "--hub", &url], "x\ny\n").await.fine();
    run_with(&["pub", "n", "l", "--lines", "--hub", &url], "1\n\n \"two\" \r\n[3]").await.fine();
    run_with(&["pub", "n", "t", "--lines", "--text", "--hub", &url], "one\n\n").await.fine();
    let envelopes = "{\"id\":\"x\",\"payload\":1,\"type\":\"e\",\"more\":{}}\n\n{\"type\":\"e\"}\n";
    run_with(&["pub", "--envelopes", "--hub", &url], envelopes).await.fine();
    let expected = r#"{"type":"a","id":"1","payload":{"z":1.50,"a":[]}}
{"type":"a","id":"","payload":-5}
{"type":"a","id":"t","payload":"good \"morning\""}
{"type":"a","id":"in","payload":{  "b": 1}}
{"type":"a","id":"in","payload":"x\ny\n"}
{"type":"n","id":"l","payload":1}
{"type":"n","id":"l","payload":"two"}
{"type":"n","id":"l","payload":[3]}
{"type":"n","id":"t","payload":"one"}
{"type":"n","id":"t","payload":""}
{"id":"x","payload":1,"type":"e","more":{}}
{"type":"e"}
"#;
    assert_eq!(ended(listening).await.fine(), expected);
}

#[tokio::test]
async fn what_is_refused_names_its_line() {
    let hub = Hub::start(&["--max-frame", "1KiB"]).await;
    let url = hub.url();
    let large = format!("1\n2\n\"{}\"\n4\n", "x".repeat(2000));
    for (arguments, input, line, said) in [
        (&["pub", "n", "l", "--lines"][..], "1\n\nx\n4\n", 3, "--text"),
        (&["pub", "n", "l", "--lines"], large.as_str(), 3, "the hub takes at most 960"),
        (&["pub", "--envelopes"], "{\"type\":\"a\"}\n{\"type\":\"__gap\"}\n", 2, "reserved"),
        (&["pub", "--envelopes"], "[]\n", 1, "JSON object"),
    ] {
        let all: Vec<&str> = arguments.iter().copied().chain(["--hub", &url]).collect();
        let done = run_with(&all, input).await;
        assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""), "{done:?}");
        assert!(done.stderr.contains(&format!("line {line}: ")) && done.stderr.contains(said), "{done:?}");
        assert!(done.stderr.contains("events published: "), "{done:?}");
    }
    let done = run_with(&["pub", "n", "l", "-", "--hub", &url], "no JSON").await;
    assert!(done.code == Some(1) && done.stderr.contains("--text"), "{done:?}");
    let done = run(&["pub", "n", "l", "hello", "--hub", &url]).await;
    assert!(done.code == Some(2) && done.stderr.contains("--text"), "{done:?}");
}

#[tokio::test]
async fn a_hub_that_is_not_there() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("ws://{free}/ws");
    for arguments in [&["pub", "a", "b", "1", "--hub", &url][..], &["sub", "a", "--hub", &url]] {
        let done = run(arguments).await;
        assert_eq!(done.code, Some(1), "{done:?}");
        assert!(done.stderr.contains(&url) && done.stderr.contains("alk-hub serve"), "{done:?}");
    }
    let hub = Hub::start(&[]).await;
    let done = run(&["sub", "a", "--hub", &format!("ws://{}/", hub.address)]).await;
    assert!(done.code == Some(1) && done.stderr.contains("/ws"), "{done:?}");
    let done = run(&["sub", "a", "--hub", &format!("http://{}", hub.address)]).await;
    assert!(done.code == Some(2) && done.stderr.contains(&hub.url()), "{done:?}");
}

#[tokio::test]
async fn topics_types_pretty_and_each_event_once() {
    let hub = Hub::start(&[]).await;
    let url = hub.url();
    let listening = sub(&hub, &["a:1", "a", "b:1", "--count", "2", "--pretty"]).await;
    run_with(&["pub", "--envelopes", "--hub", &url], envelopes(&["a:1", "b:2", "b:1"])).await.fine();
    let one =
        |event_type| format!("{{\n  \"id\": \"1\",\n  \"payload\": 1,\n  \"type\": \"{event_type}\"\n}}\n");
    let received = ended(listening).await.fine();
    assert!([one("a") + &one("b"), one("b") + &one("a")].contains(&received), "{received}");
    hub.subscribers(0).await;
}

fn envelopes(topics: &[&str]) -> String {
    topics.iter().map(|topic| support::envelope(topic, 1) + "\n").collect()
}

#[tokio::test]
async fn how_a_sub_ends() {
    let hub = Hub::start(&[]).await;
    let url = hub.url();
    // Its time is over: fine, unless so many events were asked for.
    run(&["sub", "a", "--timeout", "10ms", "--hub", &url]).await.fine();
    let done = run(&["sub", "a", "--timeout", "10ms", "--count", "2", "--hub", &url]).await;
    assert!(done.code == Some(1) && done.stderr.contains("0 of 2"), "{done:?}");
    // Somebody wants it to end.
    for name in ["INT", "TERM"] {
        // Whoever came before must be seen to have gone, or one less would look like nobody more.
        hub.subscribers(0).await;
        let listening = sub(&hub, &["a"]).await;
        signal(&listening, name).await;
        ended(listening).await.fine();
        hub.subscribers(0).await;
        let listening = sub(&hub, &["a", "--count", "1"]).await;
        signal(&listening, name).await;
        let done = ended(listening).await;
        assert!(done.code == Some(1) && done.stderr.contains("interrupted after 0 of 1"), "{done:?}");
    }
    hub.subscribers(0).await;
    // Nobody reads what it prints.
    let mut listening = sub(&hub, &["a"]).await;
    drop(listening.stdout.take());
    while listening.try_wait().unwrap().is_none() {
        run(&["pub", "a", "b", "1", "--hub", &url]).await.fine();
    }
    ended(listening).await.fine();
    hub.subscribers(0).await;
}

#[tokio::test]
async fn an_interrupted_pub_says_how_far_it_came() {
    let hub = Hub::start(&[]).await;
    let mut child =
        program(&["pub", "a", "b", "--lines", "--hub", &hub.url()]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"1\n2\n").await.unwrap();
    // Lines are published when they come, not when there are many.
    hub.until("two events", |stats| stats["events"]["published"] == 2).await;
    signal(&child, "INT").await;
    let done = ended(child).await;
    assert!(done.code == Some(1) && done.stderr.contains("interrupted; events published: 2"), "{done:?}");
}

#[tokio::test]
async fn a_hub_that_goes_and_comes_back() {
    let mut hub = Hub::start(&[]).await;
    let address = hub.address.to_string();
    let mut listening = sub(&hub, &["a", "b"]).await;
    let mut publishing =
        program(&["pub", "a", "b", "--lines", "--hub", &hub.url()]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = publishing.stdin.take().unwrap();
    let mut events = BufReader::new(listening.stdout.take().unwrap()).lines();
    stdin.write_all(b"1\n").await.unwrap();
    let event = timeout(support::PATIENCE, events.next_line()).await.unwrap().unwrap().unwrap();
    assert_eq!(
        event,
        support::envelope("a:b", 1)
            .replace(r#""id":"b","payload":1,"type":"a""#, r#""type":"a","id":"b","payload":1"#)
    );

    hub.signal("KILL").await;
    hub.ended(support::PATIENCE).await;
    let hub = Hub::start_as(support::command(&["--listen", &address])).await;
    hub.subscribers(2).await;
    // The publisher notices at its next line, which is not published.
    let _ = stdin.write_all(b"2\n").await;
    drop(stdin);
    let done = ended(publishing).await;
    assert!(done.code == Some(0) || done.stderr.contains("line 2: "), "{done:?}");
    run(&["pub", "b", "b", "3", "--hub", &hub.url()]).await.fine();
    signal(&listening, "INT").await;
    let mut said = String::new();
    listening.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert!(said.contains("connection is lost") && said.contains("gap: "), "{said}");
    assert_eq!(said.matches("gap: ").count(), 1, "{said}");
}

/// In order and complete; the hub's queue is long, so that nobody's turn decides about it.
#[tokio::test(flavor = "multi_thread")]
async fn a_million_numbers() {
    let number = if cfg!(debug_assertions) { 100_000 } else { 1_000_000_u32 };
    let hub = Hub::start(&["--queue", "256MiB"]).await;
    let listening = sub(&hub, &["n", "--count", &number.to_string()]).await;
    let listening = tokio::spawn(ended(listening));
    let numbers: String = (1..=number).map(|number| format!("{number}\n")).collect();
    run_with(&["pub", "n", "all", "--lines", "--hub", &hub.url()], numbers).await.fine();
    let received = listening.await.unwrap().fine();
    let mut lines = received.lines();
    for number in 1..=number {
        assert_eq!(lines.next(), Some(format!(r#"{{"type":"n","id":"all","payload":{number}}}"#).as_str()));
    }
    assert_eq!(lines.next(), None);
}

//! Hubs, `pub` and `sub` over a Redis that the tests start themselves.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use alk_pubsub_testkit::redis::{Server, free_port, wait_until};
use tokio::io::{AsyncBufReadExt, BufReader};

use support::{Hub, ended, program, run, run_with};

async fn hub(server: &Server) -> Hub {
    Hub::start(&["--redis", &server.url(), "--prefix", "test:"]).await
}

/// Waits until `/readyz` answers so.
async fn ready(hub: &Hub, status: u16) {
    let waiting = async {
        while hub.get("/readyz").await.0.status != status {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(support::PATIENCE, waiting).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_one_hub_reaches_the_clients_of_another_once() {
    let server = Server::start(&[]);
    let (one, two) = tokio::join!(hub(&server), hub(&server));
    let mut spoke = two.spoke().await;
    spoke.subscribe(&["a:1", "a", "end"]).await;
    let mut stream = two.connect().await;
    stream.open("/events?topic=a:1&topic=a&topic=end").await;
    let mut publisher = one.spoke().await;
    for topic in ["a:1", "a:2", "end:"] {
        let answer = publisher.publish(&support::envelope(topic, 1)).await;
        assert_eq!(answer["type"], "__published");
    }
    // No order across topics, but nothing twice.
    let mut received = Vec::new();
    for _ in 0..3 {
        let event = spoke.frame().await;
        received.push(format!("{}:{}", event["type"].as_str().unwrap(), event["id"].as_str().unwrap()));
    }
    received.sort();
    assert_eq!(received, ["a:1", "a:2", "end:"]);
    let mut received = Vec::new();
    for _ in 0..3 {
        let event = stream.event().await.unwrap().data();
        received.push(format!("{}:{}", event["type"].as_str().unwrap(), event["id"].as_str().unwrap()));
    }
    received.sort();
    assert_eq!(received, ["a:1", "a:2", "end:"]);
    publisher.publish(&support::envelope("a:1", 2)).await;
    assert_eq!(spoke.frame().await["payload"], 2, "the very next one");
    assert_eq!(stream.event().await.unwrap().data()["payload"], 2);
    let upstream = &two.stats().await["upstream"];
    assert_eq!((&upstream["kind"], &upstream["state"]), (&"redis".into(), &"connected".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_the_connection() {
    let server = Server::start(&[]);
    let mut hub = hub(&server).await;
    ready(&hub, 200).await;
    assert!(hub.get("/metrics").await.1.contains("alk_hub_upstream_connected 1"));
    server.kill();
    ready(&hub, 503).await;
    assert_eq!(hub.stats().await["state"], "disconnected");
    assert!(hub.get("/metrics").await.1.contains("alk_hub_upstream_connected 0"));
    assert_eq!(hub.get("/healthz").await.0.status, 200);
    server.restart();
    ready(&hub, 200).await;
    server.kill();
    hub.signal("TERM").await;
    assert_eq!(hub.ended(support::PATIENCE).await.code(), Some(0), "it ends without Redis, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_there_before_its_redis_says_so_and_is_ready_when_it_comes() {
    let server = Server::start(&[]);
    server.kill();
    let begun = std::time::Instant::now();
    let hub = hub(&server).await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(8), "it does not wait for it");
    assert_eq!(hub.get("/readyz").await.0.status, 503);
    assert_eq!(hub.get("/healthz").await.0.status, 200);
    let mut log = hub.log();
    server.restart();
    log.line_with("the upstream is connected").await;
    ready(&hub, 200).await;
    let (mut spoke, mut publisher) = (hub.spoke().await, hub.spoke().await);
    spoke.subscribe(&["a"]).await;
    assert_eq!(publisher.publish(&support::envelope("a:1", 1)).await["type"], "__published");
    assert_eq!(spoke.frame().await["payload"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_says_at_once_that_its_redis_is_not_there() {
    let url = format!("redis://somebody:secret@127.0.0.1:{}", free_port());
    let mut hub = support::command(&["--listen", "127.0.0.1:0", "--redis", &url]);
    let mut child = hub.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let telling = async {
        let mut all = String::new();
        while !all.contains("Redis is not there yet") {
            all += &said.next_line().await.unwrap().expect("it goes on");
        }
        all
    };
    let all = tokio::time::timeout(support::PATIENCE, telling).await.expect("in time");
    assert!(all.contains("trying again") && all.contains("refused"), "{all}");
    assert!(!all.contains("secret"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_whose_redis_comes_and_refuses_it_ends() {
    let server = Server::start(&["--requirepass", "another"]);
    server.kill();
    let mut hub = hub(&server).await;
    server.restart();
    assert_eq!(hub.ended(support::PATIENCE).await.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_and_listening_without_a_hub() {
    let server = Server::start(&[]);
    let url = server.url();
    let redis = ["--redis", &url, "--prefix", "test:"];
    let with = |arguments: &[&'static str]| -> Vec<String> {
        arguments.iter().chain(&redis).map(|text| (*text).to_owned()).collect()
    };
    let hub = hub(&server).await;
    let all = with(&["sub", "n", "--count", "10001"]);
    let listening = program(&all.iter().map(String::as_str).collect::<Vec<_>>()).spawn().unwrap();
    let subscribed = || server.command(&["PUBSUB", "NUMPAT"]).number() == Some(1);
    wait_until("it listens", subscribed);
    let listening = tokio::spawn(ended(listening));
    let all = with(&["pub", "n", "all", "--lines"]);
    let numbers: String = (0..10_000).map(|number| format!("{number}\n")).collect();
    run_with(&all.iter().map(String::as_str).collect::<Vec<_>>(), numbers).await.fine();
    // What goes through a hub goes the same way.
    run(&["pub", "n", "all", "10000", "--hub", &hub.url()]).await.fine();
    let received = listening.await.unwrap().fine();
    let expected: String = (0..=10_000)
        .map(|number| format!("{{\"type\":\"n\",\"id\":\"all\",\"payload\":{number}}}\n"))
        .collect();
    assert!(received == expected, "complete and in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_cannot_be_had_and_secrets_that_nobody_sees() {
    let server = Server::start(&["--requirepass", "another"]);
    let port = server.port();
    let url = format!("redis://somebody:secret@127.0.0.1:{port}");
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0", "--redis", &url][..],
        &["pub", "a", "b", "1", "--redis", &url],
        &["sub", "a", "--redis", &url],
    ] {
        let done = run(arguments).await;
        assert_eq!(done.code, Some(1), "{done:?}");
        assert!(done.stderr.contains(&format!("127.0.0.1:{port}")), "{done:?}");
        assert!(!done.stderr.contains("secret"), "{done:?}");
    }
    for url in ["redis:/secret", "reddis://:secret@h", "secret", "redis://:secret@h:port"] {
        let done = run(&["sub", "a", "--redis", url]).await;
        assert!(done.code == Some(2) && !done.stderr.contains("secret"), "{done:?}");
    }
    for command in ["serve", "pub", "sub"] {
        let mut help = program(&[command, "--help"]);
        help.env("ALK_HUB_REDIS", "redis://:unspoken@h");
        let help = ended(help.spawn().unwrap()).await.fine();
        assert!(help.contains("--redis") && !help.contains("unspoken"), "{help}");
    }
    let free = format!("127.0.0.1:{}", free_port());
    let done = run(&["pub", "a", "b", "1", "--redis", &format!("redis://{free}")]).await;
    assert!(done.code == Some(1) && done.stderr.contains("--redis URL"), "{done:?}");
}

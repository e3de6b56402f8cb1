//! What stands in front of the hub: whose pages are let in, how many connections there may be, and what is no request.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use serde_json::json;
use support::{Client, Head, Hub, envelope};

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The answer to a request with these headers; what it says, unless it is a WebSocket.
async fn ask(hub: &Hub, first: &str, headers: &str) -> (Head, serde_json::Value) {
    let mut client = hub.connect().await;
    client.send(format!("{first} HTTP/1.1\r\n{headers}\r\n")).await;
    let head = client.head().await;
    if head.status == 101 || !head.headers.contains_key("content-length") {
        return (head, json!(null));
    }
    let body = client.take_body(&head).await;
    (head, serde_json::from_str(&body).unwrap_or_default())
}

#[tokio::test]
async fn a_page_whose_name_was_made_to_resolve_here_is_let_in_nowhere() {
    let hub = Hub::start(&[]).await;
    let port = hub.address.port();
    let evil = format!("evil.example:{port}");
    for path in ["/ws", "/events?topic=a", "/stats", "/metrics", "/"] {
        for browser in [format!("Origin: http://{evil}\r\n"), "Sec-Fetch-Site: same-origin\r\n".to_owned()] {
            let headers = format!("Host: {evil}\r\n{UPGRADE}{browser}");
            let (head, problem) = ask(&hub, &format!("GET {path}"), &headers).await;
            assert_eq!((head.status, &problem["code"]), (403, &json!("foreign_host")), "{path} {browser}");
        }
    }
    assert_eq!(hub.stats().await["refused"]["foreign_host"], 10);
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        let headers =
            format!("Host: {host}\r\n{UPGRADE}Origin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n");
        assert_eq!(ask(&hub, "GET /ws", &headers).await.0.status, 101, "{host}");
    }
    // What is no browser may call it as it likes: a program has better ways to lie.
    assert_eq!(ask(&hub, "GET /ws", &format!("Host: {evil}\r\n{UPGRADE}")).await.0.status, 101);
}

#[tokio::test]
async fn pages_of_elsewhere_neither_read_nor_publish_nor_are_told_that_they_may() {
    let hub = Hub::start(&[]).await;
    let headers = format!("Host: {}\r\nOrigin: https://elsewhere.example\r\n", hub.address);
    for first in ["GET /events?topic=a", "GET /stats", "OPTIONS /events"] {
        let (head, problem) = ask(&hub, first, &headers).await;
        assert_eq!((head.status, &problem["code"]), (403, &json!("foreign_origin")), "{first}");
        assert!(!head.headers.contains_key("access-control-allow-origin"), "{first}");
    }
    let own = format!("Host: {0}\r\nOrigin: http://{0}\r\n", hub.address);
    let (head, _) = ask(&hub, "GET /stats", &own).await;
    assert_eq!((head.status, head.headers.contains_key("access-control-allow-origin")), (200, false));
}

#[tokio::test]
async fn pages_of_the_origins_that_are_named_may_do_everything() {
    let hub =
        Hub::start(&["--allow-origin", "https://app.example", "--allow-origin", "https://hub.example"]).await;
    let app = "Origin: https://app.example\r\n";
    // Behind a proxy that passes the host on, and behind one that passes its own address on.
    for host in ["hub.example", &hub.address.to_string()] {
        let host = format!("Host: {host}\r\n");
        assert_eq!(ask(&hub, "GET /ws", &format!("{host}{app}{UPGRADE}")).await.0.status, 101);
        let (head, _) = ask(&hub, "GET /stats", &format!("{host}{app}")).await;
        assert_eq!(
            (head.status, head.headers["access-control-allow-origin"].as_str()),
            (200, "https://app.example")
        );
        let preflight = format!(
            "{host}{app}Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type, authorization\r\n"
        );
        let (head, _) = ask(&hub, "OPTIONS /events", &preflight).await;
        assert_eq!(
            (head.status, head.headers["access-control-allow-origin"].as_str()),
            (200, "https://app.example")
        );
        assert!(head.headers["access-control-allow-methods"].contains("POST"));
        for header in ["content-type", "authorization", "last-event-id"] {
            assert!(head.headers["access-control-allow-headers"].contains(header), "{header}");
        }
    }
    // The page of the hub itself, which names no origin when it reads.
    let own = "Host: hub.example\r\nSec-Fetch-Site: same-origin\r\n";
    assert_eq!(ask(&hub, "GET /stats", own).await.0.status, 200);
    for origin in ["https://evil.example", "http://app.example", "https://app.example.evil", "null"] {
        let headers = format!("Host: hub.example\r\nOrigin: {origin}\r\n{UPGRADE}");
        assert_eq!(ask(&hub, "GET /ws", &headers).await.0.status, 403, "{origin}");
    }
    let anybody = Hub::start(&["--allow-origin", "*"]).await;
    let (head, _) =
        ask(&anybody, "GET /stats", "Host: evil.example\r\nOrigin: https://evil.example\r\n").await;
    assert_eq!((head.status, head.headers["access-control-allow-origin"].as_str()), (200, "*"));
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_gets_them_back() {
    let hub = Hub::start(&["--max-connections-per-address", "4"]).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(hub.spoke().await);
    }
    let mut last = hub.connect().await;
    assert_eq!(last.get("/healthz").await.status, 200);
    let mut one_more = hub.connect().await;
    let (head, _) = one_more.text().await;
    assert_eq!((head.status, head.headers["retry-after"].as_str()), (503, "5"));
    assert!(one_more.is_closed().await);
    // Another address of this machine has its own.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = Client::new(socket.connect(hub.address).await.unwrap());
    assert_eq!(other.get("/healthz").await.status, 200);

    waiting.pop().unwrap().close().await;
    // It is free once the hub has seen the goodbye.
    let again = async {
        loop {
            let (head, stats) = ask(&hub, "GET /stats", "Host: localhost\r\nConnection: close\r\n").await;
            if head.status == 200 {
                return stats;
            }
        }
    };
    let stats = tokio::time::timeout(support::PATIENCE, again).await.expect("a place again");
    assert!(stats["refused"]["too_many_connections_of_address"].as_u64().unwrap() >= 1);
}

#[tokio::test]
async fn who_asks_for_nothing_or_only_for_half_is_gone_in_time() {
    let hub = Hub::start(&["--handshake-timeout", "1s"]).await;
    let start = tokio::time::Instant::now();
    let (mut silent, mut half, mut used) = (hub.connect().await, hub.connect().await, hub.connect().await);
    half.send("GET /ws HTTP/1.1\r\nHost: x\r\nUpgr").await;
    assert_eq!(used.get("/healthz").await.status, 200);
    for client in [&mut silent, &mut half, &mut used] {
        assert!(client.is_closed().await);
    }
    assert!(start.elapsed() >= Duration::from_secs(1), "no sooner than it said");
    hub.until("they are counted", |stats| stats["refused"]["too_slow"] == 2).await;
    // What lasts is not touched by it.
    let mut spoke = hub.spoke().await;
    spoke.subscribe(&["a"]).await;
    let mut listener = hub.connect().await;
    listener.open("/events?topic=a").await;
    let mut silent = hub.connect().await;
    assert!(silent.is_closed().await);
    hub.connect().await.post("application/json", envelope("a:1", 1)).await;
    assert_eq!(spoke.frame().await["payload"], 1);
    assert!(listener.event().await.is_some());
}

#[tokio::test]
async fn heads_that_are_too_large_or_say_two_things() {
    let hub = Hub::start(&[]).await;
    let host = format!("Host: {}\r\n", hub.address);
    let json = "Content-Type: application/json\r\n";
    for (name, first, headers, status) in [
        ("many headers", "GET /healthz", format!("{host}{}", "A: b\r\n".repeat(101)), 431),
        ("two hosts", "GET /healthz", format!("{host}{host}"), 400),
        ("no host", "GET /healthz", String::new(), 400),
        (
            "two credentials",
            "GET /healthz",
            format!("{host}Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"),
            400,
        ),
        ("two origins", "GET /healthz", format!("{host}Origin: http://a\r\nOrigin: http://b\r\n"), 400),
        (
            "two keys",
            "GET /ws",
            format!("{host}{UPGRADE}Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"),
            400,
        ),
        ("two types", "POST /events", format!("{host}{json}{json}Content-Length: 0\r\n"), 400),
        (
            "two lengths",
            "POST /events",
            format!("{host}{json}Content-Length: 1\r\nContent-Length: 2\r\n"),
            400,
        ),
        (
            "chunks under another name",
            "POST /events",
            format!("{host}{json}Transfer-Encoding: gzip\r\n"),
            400,
        ),
        ("a folded line", "GET /healthz", format!("{host}A: b\r\n c\r\n"), 400),
        ("no HTTP", "hello", String::new(), 400),
    ] {
        let (head, _) = ask(&hub, first, &headers).await;
        assert_eq!(head.status, status, "{name}");
    }
    // No more is sent than is read: a connection that is closed with bytes unread is reset, and nobody sees the answer.
    for begun in ["GET /".to_owned(), format!("GET /healthz HTTP/1.1\r\n{host}A: ")] {
        let mut client = hub.connect().await;
        client.send(format!("{begun:x<16384}")).await;
        assert_eq!(client.head().await.status, 431);
        assert!(client.is_closed().await);
    }
    let many = "A: b\r\n".repeat(98);
    assert_eq!(ask(&hub, "GET /healthz", &format!("{host}{many}")).await.0.status, 200);
    // Where there are both a length and chunks the length counts for nothing, and what follows is not answered: a proxy in
    // front of the hub may take it for a part of this request.
    let event = envelope("a:1", 1);
    let chunks = format!("{:x}\r\n{event}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n{host}\r\n", event.len());
    for both in
        ["Transfer-Encoding: chunked\r\nContent-Length: 3", "Content-Length: 3\r\nTransfer-Encoding: chunked"]
    {
        let mut client = hub.connect().await;
        client.send(format!("POST /events HTTP/1.1\r\n{host}{json}{both}\r\n\r\n{chunks}")).await;
        let (head, answer) = client.answer().await;
        assert_eq!((head.status, &answer["published"]), (202, &json!(1)));
        assert!(client.is_closed().await);
    }
}

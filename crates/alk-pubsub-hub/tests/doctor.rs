//! What `alk-hub doctor` finds, and what it says to do.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use alk_pubsub_testkit::redis::Server;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use support::{Folder, Hub, SECRET, private_file, run, token};

/// The level of each check, and what was said, by name; and whether all was well.
async fn examined(arguments: &[&str]) -> (Vec<(String, String, String)>, bool) {
    let all: Vec<&str> = ["doctor", "--json"].iter().chain(arguments).copied().collect();
    let done = run(&all).await;
    let report: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
    let healthy = report["healthy"].as_bool().unwrap();
    assert_eq!(done.code, Some(i32::from(!healthy)), "{done:?}");
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    let findings = findings.map(|finding| {
        let said = format!("{} {}", text(finding, "message"), text(finding, "advice"));
        (text(finding, "check"), text(finding, "level"), said)
    });
    (findings.collect(), healthy)
}

fn level<'a>(findings: &'a [(String, String, String)], check: &str) -> (&'a str, &'a str) {
    let found = findings.iter().find(|(name, _, _)| name == check);
    found.map_or(("", ""), |(_, level, said)| (level.as_str(), said.as_str()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_and_a_hub_that_are_as_they_should_be() {
    let server = Server::start(&[]);
    let hub = Hub::start(&["--redis", &server.url()]).await;
    let (findings, healthy) = examined(&["--redis", &server.url(), "--hub", &hub.url()]).await;
    assert!(healthy && findings.iter().all(|(_, level, _)| level == "ok"), "{findings:?}");
    let checks: Vec<&str> = findings.iter().map(|(check, _, _)| check.as_str()).collect();
    assert_eq!(
        checks,
        [
            "redis-reachable",
            "redis-version",
            "redis-output-buffer",
            "redis-clock",
            "redis-subscribe",
            "redis-psubscribe",
            "redis-publish",
            "redis-round-trip",
            "hub-ready",
            "hub-clock",
            "hub-websocket",
            "hub-subscribe",
            "hub-publish",
            "hub-round-trip",
        ]
    );
    let text = run(&["doctor", "--hub", &hub.url()]).await.fine();
    assert!(text.lines().all(|line| line.starts_with("ok ")), "{text}");
    let refused = &hub.stats().await["upstream"]["refused_messages"];
    assert_eq!(refused, 0, "nothing that it does is a fault to anybody");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_do_what_a_hub_does() {
    let server = Server::start(&[]);
    let url = |user: &str| format!("redis://{user}:secret@127.0.0.1:{}", server.port());
    let needed =
        ["+subscribe", "+psubscribe", "+unsubscribe", "+punsubscribe", "+publish", "+ping", "+client|info"];
    // No more than is needed: everything works, and what cannot be looked at is said.
    server.set_user("exact", "secret", &[&needed, &["allchannels"][..]].concat());
    let (findings, healthy) = examined(&["--redis", &url("exact")]).await;
    assert!(healthy, "{findings:?}");
    for check in ["redis-subscribe", "redis-psubscribe", "redis-publish", "redis-round-trip"] {
        assert_eq!(level(&findings, check).0, "ok", "{findings:?}");
    }
    for check in ["redis-version", "redis-output-buffer", "redis-clock"] {
        assert_eq!(level(&findings, check).0, "warn", "{findings:?}");
    }
    // Redis compares patterns with its rules as texts, so that a rule for all that begins so allows no pattern that does.
    server.set_user("topics", "secret", &[&needed, &["&alk:events:*"][..]].concat());
    let (findings, healthy) = examined(&["--redis", &url("topics")]).await;
    let (pattern, said) = level(&findings, "redis-psubscribe");
    assert!(healthy && pattern == "warn" && said.contains("allchannels"), "{findings:?}");
    assert_eq!(level(&findings, "redis-round-trip").0, "ok", "{findings:?}");
    server.set_user(
        "types",
        "secret",
        &[&needed, &["&alk:events:*", r"&alk:events:alk\-hub.doctor:*"][..]].concat(),
    );
    let (findings, _) = examined(&["--redis", &url("types")]).await;
    assert_eq!(level(&findings, "redis-psubscribe").0, "ok", "{findings:?}");
    // The commands, for other channels.
    server.set_user("elsewhere", "secret", &[&needed, &["&other:*"][..]].concat());
    let (findings, healthy) = examined(&["--redis", &url("elsewhere")]).await;
    assert!(!healthy);
    for check in ["redis-subscribe", "redis-psubscribe", "redis-publish"] {
        let (level, said) = level(&findings, check);
        assert_eq!(level, "fail", "{check}: {findings:?}");
        assert!(said.contains("+psubscribe") && said.contains("&alk:events:*"), "{said}");
    }
    assert!(examined(&["--redis", &url("elsewhere"), "--prefix", "other:"]).await.1);
    // All but one command.
    let without: Vec<&str> = needed.iter().copied().filter(|command| *command != "+publish").collect();
    server.set_user("reader", "secret", &[&without, &["&alk:events:*"][..]].concat());
    let (findings, _) = examined(&["--redis", &url("reader")]).await;
    assert_eq!((level(&findings, "redis-subscribe").0, level(&findings, "redis-publish").0), ("ok", "fail"));

    let (findings, healthy) = examined(&["--redis", &url("nobody")]).await;
    assert!(!healthy && findings.len() == 1, "{findings:?}");
    assert!(level(&findings, "redis-reachable").1.contains("USER:PASSWORD"), "{findings:?}");
    assert!(!format!("{findings:?}").contains("secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_will_hurt() {
    for (limit, hint) in [("pubsub 1mb 512kb 60", "cuts the hub off"), ("pubsub 0 0 0", "no limit")] {
        let server = Server::start(&["--client-output-buffer-limit", limit]);
        let (findings, healthy) = examined(&["--redis", &server.url()]).await;
        let (level, said) = level(&findings, "redis-output-buffer");
        assert!(healthy && level == "warn" && said.contains(hint), "{findings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_ready() {
    let server = Server::start(&[]);
    let hub = Hub::start(&["--redis", &server.url()]).await;
    server.kill();
    let (findings, healthy) = examined(&["--redis", &server.url(), "--hub", &hub.url()]).await;
    assert!(!healthy);
    assert_eq!(level(&findings, "redis-reachable").0, "fail");
    let (level_of_hub, said) = level(&findings, "hub-ready");
    assert!(level_of_hub == "fail" && said.contains("upstream"), "{findings:?}");

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (findings, healthy) = examined(&["--hub", &format!("ws://{free}")]).await;
    assert!(!healthy && level(&findings, "hub-websocket").1.contains("alk-hub serve"), "{findings:?}");
    // A server, but none that knows of hubs.
    server.restart();
    let (_, healthy) = examined(&["--hub", &format!("ws://127.0.0.1:{}", server.port())]).await;
    assert!(!healthy);
    let readers_only = Hub::start(&["--allow-anonymous", "subscribe"]).await;
    let (findings, healthy) = examined(&["--hub", &readers_only.url()]).await;
    assert!(healthy && level(&findings, "hub-publish").0 == "warn", "{findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_with_tokens_and_a_certificate_of_its_own() {
    let folder = Folder::new();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let ca = folder.join("cert.pem").to_str().unwrap().to_owned();
    std::fs::write(&ca, certificate.pem()).unwrap();
    let key = private_file(&folder.join("key.pem"), key.serialize_pem());
    let secret = private_file(&folder.join("secret"), SECRET);
    let hub = Hub::start(&["--jwt-secret-file", &secret, "--tls-cert", &ca, "--tls-key", &key]).await;
    let url = format!("wss://localhost:{}", hub.address.port());
    let grants = token(json!({"subscribe": ["*"], "publish": ["*"]}));
    let good = private_file(&folder.join("token"), format!("{grants}\n"));

    for flags in [["--token-file", &good], ["--token", &grants]] {
        let (findings, healthy) = examined(&["--hub", &url, "--ca-file", &ca, flags[0], flags[1]]).await;
        assert!(healthy && findings.iter().all(|(_, level, _)| level == "ok"), "{findings:?}");
        assert!(findings.iter().any(|(check, _, _)| check == "hub-round-trip"), "{findings:?}");
    }
    // Without a token, and with one that is none: it says what to do, and does not show it.
    for flags in [&[][..], &["--token", "nonsense"]] {
        let (findings, healthy) = examined(&[&["--hub", &url, "--ca-file", &ca], flags].concat()).await;
        assert_eq!(level(&findings, "hub-ready").0, "ok", "{findings:?}");
        let (level, said) = level(&findings, "hub-websocket");
        assert!(!healthy && level == "fail" && said.contains("--token-file"), "{findings:?}");
        assert!(!said.contains("nonsense"), "{said}");
    }
    // An authority that nobody knows.
    let (findings, healthy) = examined(&["--hub", &url, "--token-file", &good]).await;
    let (level, said) = level(&findings, "hub-ready");
    assert!(!healthy && level == "fail" && said.contains("--ca-file"), "{findings:?}");
    let missing = run(&["doctor", "--hub", &url, "--token-file", "/nothing/here"]).await;
    assert!(missing.code == Some(2) && missing.stderr.contains("/nothing/here"), "{missing:?}");
}

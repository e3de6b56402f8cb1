//! Hubs and spokes that are not ours: Python's `websockets` and Node's `ws`.
//!
//! `cargo xtask test` provides both. For `cargo test` alone, set `ALK_PYTHON` to a Python that has `websockets` and
//! `ALK_NODE_PATH` to a `node_modules` that has `ws`; what is missing is said, unless `ALK_REQUIRE_SERVERS` is set: then it
//! is a failure.

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use alk_pubsub_core::{Dynamic, PubSub};
use alk_pubsub_ws_client::WsClientEventTarget;
use serde_json::json;
use support::{Hub, in_time, next};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A script in another language and how to run it; `None` if it cannot be run here.
async fn other(script: &str) -> Option<Command> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script);
    let mut command = if script.extension().is_some_and(|extension| extension == "py") {
        let python = std::env::var_os("ALK_PYTHON").unwrap_or_else(|| "python3".into());
        runs(Command::new(&python).args(["-c", "import websockets"]), "Python's `websockets`").await?;
        Command::new(python)
    } else {
        let mut check = Command::new("node");
        let path = std::env::var_os("ALK_NODE_PATH").map(PathBuf::from).unwrap_or_default();
        runs(check.args(["-e", "require('ws')"]).env("NODE_PATH", &path), "Node's `ws`").await?;
        let mut node = Command::new("node");
        node.env("NODE_PATH", path);
        node
    };
    command.arg(script).stdout(Stdio::piped()).kill_on_drop(true);
    Some(command)
}

async fn runs(command: &mut Command, what: &str) -> Option<()> {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    if status.is_ok_and(|status| status.success()) {
        return Some(());
    }
    assert!(
        std::env::var_os("ALK_REQUIRE_SERVERS").is_none(),
        "{what} is needed: `cargo xtask test` installs it where there are python3 and npm"
    );
    // Past libtest, which keeps what passing tests print.
    let _ = writeln!(std::io::stdout(), "skipped: {what} is not installed");
    None
}

fn start(mut command: Command) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = command.spawn().expect("it ran before");
    let stdout = child.stdout.take().expect("piped");
    (child, BufReader::new(stdout).lines())
}

async fn line(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    in_time("a line", lines.next_line()).await.expect("text").expect("it goes on")
}

/// A spoke that subscribes to `a`, says so, publishes on `b`, and prints what it gets.
async fn their_spoke(script: &str) {
    let Some(mut command) = other(script).await else { return };
    let hub = Hub::start();
    let mut from_them = hub.pubsub().subscribe("b").await.expect("in process");
    command.arg(hub.url());
    let (mut child, mut lines) = start(command);
    assert_eq!(line(&mut lines).await, "subscribed");
    let payload = json!({"text": "é \"quoted\"", "n": 1.5});
    hub.pubsub().publish("a", "1", payload.clone()).await.expect("published");
    let event: serde_json::Value = serde_json::from_str(&line(&mut lines).await).expect("JSON");
    assert_eq!(event, json!({"type": "a", "id": "1", "payload": payload}));
    // It publishes what it got, first with an answer and then without.
    assert_eq!(line(&mut lines).await, "published 1");
    assert_eq!(next(&mut from_them).await, payload);
    assert_eq!(next(&mut from_them).await, payload);
    // It is refused what it must not do, and closes as it should.
    assert_eq!(line(&mut lines).await, "refused bad_topic");
    assert!(in_time("the end", child.wait()).await.expect("a child").success());
}

/// A small hub that knows topics, types and everything.
async fn their_hub(script: &str) {
    let Some(command) = other(script).await else { return };
    let (_child, mut lines) = start(command);
    let port: u16 = line(&mut lines).await.parse().expect("a port");
    let connect = || async {
        let target = WsClientEventTarget::connect(format!("ws://127.0.0.1:{port}/ws"));
        PubSub::<Dynamic>::new(in_time("connected", target).await.expect("connected"))
    };
    let (one, two) = (connect().await, connect().await);
    let mut topic = one.subscribe_to("a", "1").await.expect("granted");
    let mut of_type = two.subscribe("a").await.expect("granted");
    let refused = one.subscribe("forbidden").await.expect_err("refused");
    assert_eq!(refused.kind(), alk_pubsub_core::ErrorKind::Denied);
    let payload = json!({"text": "é \"quoted\"", "n": 1.5});
    let published = one.publish("a", "1", payload.clone()).await.expect("published");
    assert_eq!(published.known_receivers(), Some(2));
    two.try_publish("a", "1", json!(2)).expect("sent");
    for subscription in [&mut topic, &mut of_type] {
        assert_eq!(next(subscription).await, payload);
        assert_eq!(next(subscription).await, json!(2));
    }
    drop(topic);
    let published = two.publish("a", "1", json!(3)).await.expect("published");
    // The unsubscribe was sent before, on another connection; both have answers, so both are settled by now or soon.
    assert!(matches!(published.known_receivers(), Some(1 | 2)), "{published:?}");
    one.close().await.expect("closed");
    two.close().await.expect("closed");
}

#[tokio::test]
async fn a_spoke_with_pythons_websockets() {
    their_spoke("spoke.py").await;
}

#[tokio::test]
async fn a_spoke_with_nodes_ws() {
    their_spoke("spoke.js").await;
}

#[tokio::test]
async fn a_hub_with_pythons_websockets() {
    their_hub("hub.py").await;
}

#[tokio::test]
async fn a_hub_with_nodes_ws() {
    their_hub("hub.js").await;
}

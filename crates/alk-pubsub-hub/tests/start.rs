//! How the hub starts, or does not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Stdio;

use support::{Client, Hub, command};
use tokio::io::{AsyncBufReadExt, BufReader};

/// Its exit code and what it says on standard error.
async fn refused(flags: &[&str]) -> (i32, String) {
    let output =
        tokio::time::timeout(support::PATIENCE, command(flags).stdout(Stdio::piped()).output()).await;
    let output = output.expect("a hub that ends in time").unwrap();
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn an_address_that_others_can_reach_needs_a_word() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let (code, message) = refused(&["--listen", address]).await;
        assert_eq!(code, 1, "{message}");
        assert!(message.contains("--allow-anonymous all"), "{message}");
    }
    let hub = Hub::start_as(command(&["--listen", "0.0.0.0:0", "--allow-anonymous", "all"])).await;
    assert!(
        hub.banner.contains("http://127.0.0.1:"),
        "a command to try goes to an address that can be reached"
    );
}

#[tokio::test]
async fn an_address_that_cannot_be_had() {
    let hub = Hub::start(&[]).await;
    for address in [hub.address.to_string().as_str(), "no such name:1", "203.0.113.1:1"] {
        let (code, message) = refused(&["--listen", address, "--allow-anonymous", "all"]).await;
        assert_eq!(code, 1, "{message}");
        assert!(message.starts_with("alk-hub: cannot ") && message.contains(address), "{message}");
    }
}

#[tokio::test]
async fn a_wrong_command_line() {
    let (code, message) = refused(&["--queue", "plenty"]).await;
    assert!(code == 2 && message.contains("--queue") && message.contains("1MiB"), "{message}");
    let (code, message) = refused(&["--listen", "7400"]).await;
    assert!(code == 2 && message.contains("127.0.0.1:7400"), "{message}");
    let (code, message) = refused(&["--slow-consumer", "wait"]).await;
    assert!(code == 2 && message.contains("drop-oldest"), "{message}");
    let (code, message) = refused(&["--lisen", "x"]).await;
    assert!(code == 2 && message.contains("--listen"), "{message}");
}

#[tokio::test]
async fn options_from_the_environment_which_the_command_line_overrides() {
    let mut hub = command(&["--max-topics", "7"]);
    hub.env("ALK_HUB_LISTEN", "127.0.0.1:0").env("ALK_HUB_MAX_TOPICS", "3").env("ALK_HUB_MAX_FRAME", "2KiB");
    let welcome = Hub::start_as(hub).await.spoke().await.welcome;
    assert_eq!(
        (&welcome["payload"]["max_topics"], &welcome["payload"]["max_frame_bytes"]),
        (&7.into(), &2048.into())
    );
    let mut hub = command(&[]);
    hub.env("ALK_HUB_MAX_CONNECTIONS", "many");
    let output = hub.output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// The word behind a flag of a shell command, without its quotes.
fn argument<'a>(command: &'a str, before: &str) -> &'a str {
    let rest = command.split_once(before).unwrap().1.trim_start_matches([' ', '\\', '\n']);
    match rest.strip_prefix('\'') {
        Some(quoted) => quoted.split_once('\'').unwrap().0,
        None => rest.split_whitespace().next().unwrap(),
    }
}

#[tokio::test]
async fn the_two_commands_that_it_prints_do_what_it_says() {
    let hub = Hub::start(&[]).await;
    let own = format!("http://{}", hub.address);
    let listen = argument(&hub.banner, "curl -N").strip_prefix(&own).unwrap();
    let publish = hub.banner.split_once("curl -H").unwrap().1;
    assert_eq!(argument(publish, ""), "content-type: application/json");
    assert!(publish.contains(&format!(" {own}/events ")));
    let body = argument(publish, " -d");

    let mut listener = hub.connect().await;
    listener.open(listen).await;
    let (head, answer) = hub.connect().await.post("application/json", body).await;
    assert_eq!((head.status, &answer["receivers"]), (202, &1.into()));
    let event = listener.event().await.unwrap();
    assert_eq!(event.field("data"), Some(body));
}

#[tokio::test]
async fn nobody_needs_to_read_what_it_prints_and_the_log_is_json_where_asked_for() {
    let mut child = command(&["--listen", "127.0.0.1:0", "--log-format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let ready: serde_json::Value = loop {
        let line = tokio::time::timeout(support::PATIENCE, log.next_line()).await.expect("a log in time");
        let line = serde_json::from_str(&line.unwrap().expect("a hub that runs")).unwrap();
        if serde_json::Value::get(&line, "message").is_some_and(|message| message == "ready") {
            break line;
        }
    };
    let address = ready["address"].as_str().unwrap();
    let mut client = Client::new(tokio::net::TcpStream::connect(address).await.unwrap());
    assert_eq!(client.get("/healthz").await.status, 200);
}

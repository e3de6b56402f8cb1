//! `pub` and `sub`: whom they talk to, and what they make of those who go away.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Stdio;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use support::{Hub, ended, program, run, signal};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

/// A Redis that nobody has.
const NO_REDIS: &str = "redis://127.0.0.1:1";

#[tokio::test]
async fn what_is_typed_wins_over_the_environment() {
    let hub = Hub::start(&[]).await;
    let url = hub.url();
    let publish = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = program(&["pub", "a", "b", "1"]);
        command.args(arguments).envs(environment.iter().copied());
        ended(command.spawn().unwrap())
    };
    publish(&["--hub", &url], &[("ALK_HUB_REDIS", NO_REDIS)]).await.fine();
    publish(&[], &[("ALK_HUB_HUB", &url)]).await.fine();
    // `serve` has a use for both, so it is no mistake to set both.
    publish(&[], &[("ALK_HUB_HUB", &url), ("ALK_HUB_REDIS", NO_REDIS)]).await.fine();
    let done = publish(&["--redis", NO_REDIS], &[("ALK_HUB_HUB", &url)]).await;
    assert!(done.code == Some(1) && done.stderr.contains("Redis"), "{done:?}");
    let done = publish(&["--redis", NO_REDIS, "--hub", &url], &[]).await;
    assert!(done.code == Some(2) && done.stderr.contains("--redis"), "{done:?}");
}

#[tokio::test]
async fn flags_may_come_from_the_environment() {
    let hub = Hub::start(&[]).await;
    let mut listening = program(&["sub", "a"]);
    listening.envs([("ALK_HUB_COUNT", "1"), ("ALK_HUB_PRETTY", "true"), ("ALK_HUB_HUB", &hub.url())]);
    let listening = listening.spawn().unwrap();
    hub.subscribers(1).await;
    let mut publishing = program(&["pub", "a", "b"]);
    publishing.envs([("ALK_HUB_LINES", "true"), ("ALK_HUB_TEXT", "true"), ("ALK_HUB_HUB", &hub.url())]);
    let mut publishing = publishing.stdin(Stdio::piped()).spawn().unwrap();
    publishing.stdin.take().unwrap().write_all(b"x\n").await.unwrap();
    ended(publishing).await.fine();
    assert!(ended(listening).await.fine().contains("\n  \"payload\": \"x\"\n"));
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_reading_is_noticed_before_there_is_anything_to_write() {
    let hub = Hub::start(&[]).await;
    let mut listening = program(&["sub", "a", "--hub", &hub.url()]).spawn().unwrap();
    hub.subscribers(1).await;
    drop(listening.stdout.take());
    ended(listening).await.fine();
    hub.subscribers(0).await;
    // A file is always read.
    let file = std::env::temp_dir().join(format!("alk-hub-sub-{}", std::process::id()));
    let mut listening = program(&["sub", "a", "--count", "1", "--hub", &hub.url()]);
    let listening = listening.stdout(std::fs::File::create(&file).unwrap()).spawn().unwrap();
    hub.subscribers(1).await;
    run(&["pub", "a", "b", "1", "--hub", &hub.url()]).await.fine();
    ended(listening).await.fine();
    let written = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(written, "{\"type\":\"a\",\"id\":\"b\",\"payload\":1}\n");
}

type Socket = WebSocketStream<TcpStream>;

/// A hub of which the test plays the part.
async fn scripted() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    (listener, url)
}

async fn accept(listener: &TcpListener) -> Socket {
    let (stream, _) = timeout(support::PATIENCE, listener.accept()).await.unwrap().unwrap();
    #[allow(clippy::result_large_err, reason = "tungstenite's")]
    let subprotocol = |_: &Request, mut response: Response| {
        response.headers_mut().insert("sec-websocket-protocol", "alk-pubsub.v1.json".parse().unwrap());
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, subprotocol).await.unwrap();
    let welcome = json!({"type": "__welcome", "id": "c", "payload":
        {"protocol": 1, "heartbeat_ms": 25_000, "max_frame_bytes": 65_536, "max_topics": 128}});
    say(&mut socket, &welcome).await;
    socket
}

async fn say(socket: &mut Socket, frame: &serde_json::Value) {
    socket.send(Message::text(frame.to_string())).await.unwrap();
}

async fn hear(socket: &mut Socket) -> serde_json::Value {
    let message = timeout(support::PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

fn go_away() -> serde_json::Value {
    json!({"type": "__close", "id": "", "payload": {"reason": "no more of you", "reconnect": false, "retry_ms": null}})
}

async fn grant(socket: &mut Socket) {
    let mut frame = hear(socket).await;
    frame["type"] = json!("__subscribed");
    say(socket, &frame).await;
}

#[tokio::test]
async fn a_hub_that_sends_a_sub_away_is_told_of() {
    let (listener, url) = scripted().await;
    let listening = program(&["sub", "a", "--hub", &url]).spawn().unwrap();
    let mut socket = accept(&listener).await;
    grant(&mut socket).await;
    say(&mut socket, &json!({"type": "a", "id": "", "payload": 1})).await;
    say(&mut socket, &go_away()).await;
    let done = ended(listening).await;
    assert_eq!((done.code, done.stdout.as_str()), (Some(1), "{\"id\":\"\",\"payload\":1,\"type\":\"a\"}\n"));
    assert!(done.stderr.contains("no more of you"), "{done:?}");

    // One of two topics is taken back.
    let listening = program(&["sub", "a", "b", "--hub", &url]).spawn().unwrap();
    let mut socket = accept(&listener).await;
    grant(&mut socket).await;
    say(
        &mut socket,
        &json!({"type": "__error", "id": "", "payload":
        {"code": "forbidden", "message": "not yours any more", "topic": "b"}}),
    )
    .await;
    let done = ended(listening).await;
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("`b`") && done.stderr.contains("not yours any more"), "{done:?}");
}

#[tokio::test]
async fn a_hub_that_sends_a_pub_away_is_noticed_while_there_is_nothing_to_publish() {
    let (listener, url) = scripted().await;
    let mut publishing = program(&["pub", "a", "b", "--lines", "--hub", &url]);
    let mut publishing = publishing.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = publishing.stdin.take().unwrap();
    stdin.write_all(b"1\n").await.unwrap();
    let mut socket = accept(&listener).await;
    let publish = hear(&mut socket).await;
    say(&mut socket, &json!({"type": "__published", "id": publish["id"], "payload": {"receivers": 0}})).await;
    say(&mut socket, &go_away()).await;
    let done = ended(publishing).await;
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(
        done.stderr.contains("no more of you") && done.stderr.contains("events published: 1"),
        "{done:?}"
    );
    drop(stdin);
}

#[tokio::test]
async fn a_hub_that_dies_in_the_middle_leaves_no_doubt_about_what_it_took() {
    let (listener, url) = scripted().await;
    let mut publishing = program(&["pub", "a", "b", "--lines", "--hub", &url]);
    let mut publishing = publishing.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = publishing.stdin.take().unwrap();
    stdin.write_all(b"1\n2\n3\n4\n").await.unwrap();
    let mut socket = accept(&listener).await;
    for _ in 0..2 {
        let publish = hear(&mut socket).await;
        say(&mut socket, &json!({"type": "__published", "id": publish["id"], "payload": {"receivers": 0}}))
            .await;
    }
    hear(&mut socket).await;
    drop((socket, listener));
    let done = ended(publishing).await;
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.stderr.contains("line 3: ") && done.stderr.contains("events published: 2"), "{done:?}");
}

#[tokio::test]
async fn a_pub_that_is_refused_a_line_tells_of_those_behind_it() {
    let (listener, url) = scripted().await;
    let publishing = program(&["pub", "a", "b", "--lines", "--hub", &url]).stdin(Stdio::piped()).spawn();
    let mut publishing = publishing.unwrap();
    let mut stdin = publishing.stdin.take().unwrap();
    stdin.write_all(b"1\n2\n3\n4\n").await.unwrap();
    let mut socket = accept(&listener).await;
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(hear(&mut socket).await["id"].clone());
    }
    for (line, id) in heard.iter().enumerate() {
        let answer = match line {
            1 => {
                json!({"type": "__error", "id": id, "payload": {"code": "forbidden", "message": "not this one"}})
            }
            _ => json!({"type": "__published", "id": id, "payload": {"receivers": 0}}),
        };
        say(&mut socket, &answer).await;
    }
    let done = ended(publishing).await;
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.stderr.contains("line 2: ") && done.stderr.contains("not this one"), "{done:?}");
    assert!(done.stderr.contains("of lines 3 to 4, which were on their way, 2 were published"), "{done:?}");
    assert!(!done.stderr.contains("not known"), "{done:?}");
    drop(stdin);
}

#[tokio::test]
async fn a_line_that_finds_no_connection_was_not_published() {
    let (listener, url) = scripted().await;
    let publishing = program(&["pub", "a", "b", "--lines", "--hub", &url]).stdin(Stdio::piped()).spawn();
    let mut publishing = publishing.unwrap();
    let mut stdin = publishing.stdin.take().unwrap();
    stdin.write_all(b"1\n").await.unwrap();
    let mut socket = accept(&listener).await;
    let publish = hear(&mut socket).await;
    say(&mut socket, &json!({"type": "__published", "id": publish["id"], "payload": {"receivers": 0}})).await;
    drop(socket);
    // It is trying to connect again, so it knows that the connection is lost.
    let _silent = timeout(support::PATIENCE, listener.accept()).await.unwrap().unwrap();
    stdin.write_all(b"2\n").await.unwrap();
    let done = ended(publishing).await;
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.stderr.contains("line 2: there is no connection"), "{done:?}");
    assert!(done.stderr.contains("events published: 1") && !done.stderr.contains("not known"), "{done:?}");
}

#[tokio::test]
async fn whoever_interrupts_a_pub_that_waits_for_its_answer_is_told_that_nobody_knows() {
    let (listener, url) = scripted().await;
    let publishing = program(&["pub", "a", "b", "1", "--hub", &url]).spawn().unwrap();
    let mut socket = accept(&listener).await;
    hear(&mut socket).await;
    signal(&publishing, "INT").await;
    let done = ended(publishing).await;
    assert!(done.code == Some(1) && done.stderr.contains("is not known"), "{done:?}");
}

/// What is read from a pipe waits there while the hub takes nothing.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_pub_whose_hub_stops_reading_stops_reading_too() {
    let (listener, url) = scripted().await;
    let publishing =
        program(&["pub", "a", "b", "--lines", "--text", "--hub", &url]).stdin(Stdio::piped()).spawn();
    let mut publishing = publishing.unwrap();
    let mut stdin = publishing.stdin.take().unwrap();
    let _socket = accept(&listener).await;
    let lines = format!("{}\n", "x".repeat(1023)).repeat(1024);
    let mut taken = 0;
    while timeout(std::time::Duration::from_secs(1), stdin.write_all(lines.as_bytes())).await.is_ok() {
        taken += lines.len();
        assert!(taken < 256 << 20, "it reads on and on");
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", publishing.id().unwrap())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 96 << 10, "{peak} KiB at most, {taken} bytes taken");
    publishing.kill().await.unwrap();
}

#[tokio::test]
async fn what_is_secret_in_the_address_of_a_hub_is_not_printed() {
    let secret = "ws://127.0.0.1:1/ws?token=geheim";
    for arguments in [
        &["sub", "a"][..],
        &["pub", "a", "b", "1"],
        &["doctor"],
        &["doctor", "--json"],
        &["bench"],
        &["sub", "--help"],
        &["pub", "--help"],
        &["doctor", "--help"],
        &["bench", "--help"],
    ] {
        let mut command = program(arguments);
        command.env("ALK_HUB_HUB", secret).env("ALK_HUB_TOKEN", "geheim");
        let done = ended(command.spawn().unwrap()).await;
        assert!(!format!("{done:?}").contains("geheim"), "{arguments:?}: {done:?}");
    }
    for url in ["ws://user:geheim@127.0.0.1:1/ws", "http://127.0.0.1:1/ws?token=geheim"] {
        let done = run(&["sub", "a", "--hub", url]).await;
        assert!(done.code == Some(2) && !format!("{done:?}").contains("geheim"), "{done:?}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_waited_for_when_somebody_interrupts() {
    let (listener, url) = scripted().await;
    for arguments in [&["sub", "a", "--hub", &url][..], &["pub", "a", "b", "1", "--hub", &url]] {
        let child = program(arguments).spawn().unwrap();
        let _stream = timeout(support::PATIENCE, listener.accept()).await.unwrap().unwrap();
        signal(&child, "INT").await;
        let done = ended(child).await;
        assert_eq!(done.code, Some(i32::from(arguments[0] == "pub")), "{done:?}");
    }
}

/// A terminal, to which a program writes and which the test reads.
#[cfg(unix)]
mod terminal {
    use std::fs::File;
    use std::io::Read;

    use rustix::fs::{Mode, OFlags, open};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    /// What the test reads, and what is given to the program.
    pub(super) fn open_pair() -> (File, File) {
        let here = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&here).unwrap();
        unlockpt(&here).unwrap();
        let name = ptsname(&here, Vec::new()).unwrap();
        let there = open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        (here.into(), there.into())
    }

    /// All that was written; the end is an error where everybody else has closed it.
    pub(super) fn read(mut here: File) -> String {
        let (mut bytes, mut some) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = here.read(&mut some) {
            bytes.extend_from_slice(&some[..read]);
        }
        String::from_utf8(bytes).unwrap()
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_terminal_is_told_how_far_it_is() {
    let hub = Hub::start(&[]).await;
    let (here, there) = terminal::open_pair();
    let reading = tokio::task::spawn_blocking(|| terminal::read(here));
    let arguments = ["pub", "a", "b", "--lines", "--hub", &hub.url()];
    let mut publishing = program(&arguments).stdin(Stdio::piped()).stderr(there).spawn().unwrap();
    publishing.stdin.take().unwrap().write_all(b"1\n2\n3\n").await.unwrap();
    assert_eq!(ended(publishing).await.code, Some(0));
    let shown = timeout(support::PATIENCE, reading).await.unwrap().unwrap();
    assert!(shown.contains("3 events published in "), "{shown:?}");

    let (here, there) = terminal::open_pair();
    let reading = tokio::task::spawn_blocking(|| terminal::read(here));
    let one = program(&["pub", "a", "b", "1", "--hub", &hub.url()]).stderr(there).spawn().unwrap();
    assert_eq!(ended(one).await.code, Some(0));
    assert_eq!(timeout(support::PATIENCE, reading).await.unwrap().unwrap(), "published; 0 receivers\r\n");
}

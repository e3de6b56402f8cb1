//! The example `session_cookie` lets in whom it says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/session_cookie.rs"]
#[allow(dead_code, reason = "its `main` is not called here")]
mod session_cookie;

use std::net::SocketAddr;
use std::time::Duration;

use session_cookie::{Sessions, app};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// The backstop: nothing here takes long.
const PATIENCE: Duration = Duration::from_secs(60);

async fn ask(address: SocketAddr, request: &str, cookie: &str, body: &str) -> TcpStream {
    ask_from(address, request, cookie, "", body).await
}

/// With these header lines, each with its end.
async fn ask_from(address: SocketAddr, request: &str, cookie: &str, headers: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nHost: test\r\nCookie: theme=dark; sid={cookie}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Reads until this was read; what was read so far.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        let more = timeout(PATIENCE, stream.read_buf(&mut read)).await.expect("in time").unwrap();
        assert!(more > 0, "it ended before `{text}`: {}", String::from_utf8_lossy(&read));
    }
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn a_cookie_decides_what_is_heard_and_said() {
    let sessions = Sessions::default();
    sessions.insert("carols", "carol", &["website"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app(sessions, "https://app.example")).into_future());

    for (path, cookie, status) in [
        ("/events?topic=build:website", "nobodys", " 401 "),
        ("/events?topic=build:shop", "carols", " 403 "),
        ("/events?topic=build", "carols", " 403 "),
    ] {
        read_until(&mut ask(address, &format!("GET {path}"), cookie, "").await, status).await;
    }
    let path = "GET /events?topic=build:website&topic=draft:website";
    let mut stream = ask(address, path, "carols", "").await;
    read_until(&mut stream, ": subscribed").await;
    for (event, status) in [
        (r#"{"type":"build","id":"shop"}"#, " 403 "),
        (r#"{"type":"draft","id":"website","payload":"hush"}"#, " 202 "),
        (r#"{"type":"build","id":"website","payload":"green"}"#, " 202 "),
    ] {
        read_until(&mut ask(address, "POST /events", "carols", event).await, status).await;
    }
    let heard = read_until(&mut stream, "green").await;
    assert!(!heard.contains("hush"), "{heard}");

    read_until(&mut ask(address, "POST /logout", "carols", "").await, " 204 ").await;
    read_until(&mut stream, "disconnected").await;
    read_until(&mut ask(address, path, "carols", "").await, " 401 ").await;
}

#[tokio::test]
async fn a_page_of_another_origin_cannot_use_the_cookie() {
    const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let sessions = Sessions::default();
    sessions.insert("carols", "carol", &["website"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app(sessions, "https://app.example")).into_future());

    let event = r#"{"type":"build","id":"website"}"#;
    for (origin, ws, get, post) in [
        ("Origin: https://evil.example\r\n", " 403 ", " 403 ", " 403 "),
        ("Origin: https://other.app.example\r\n", " 403 ", " 403 ", " 403 "),
        ("Origin: http://app.example\r\n", " 403 ", " 403 ", " 403 "),
        ("Origin: null\r\n", " 403 ", " 403 ", " 403 "),
        ("Origin: https://app.example\r\n", " 101 ", ": subscribed", " 202 "),
        ("", " 101 ", ": subscribed", " 202 "),
    ] {
        let upgrade = format!("{origin}{UPGRADE}");
        read_until(&mut ask_from(address, "GET /ws", "carols", &upgrade, "").await, ws).await;
        let listen = "GET /events?topic=build:website";
        read_until(&mut ask_from(address, listen, "carols", origin, "").await, get).await;
        read_until(&mut ask_from(address, "POST /events", "carols", origin, event).await, post).await;
    }
    let logout = ask_from(address, "POST /logout", "carols", "Origin: https://evil.example\r\n", "");
    read_until(&mut logout.await, " 403 ").await;
}

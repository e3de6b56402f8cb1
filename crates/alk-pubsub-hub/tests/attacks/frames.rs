//! WebSockets that speak badly, too much, or never to the end.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{Attack, By, MIB, UPGRADE, frame};
use crate::support::{Client, Folder, Hub, PATIENCE, SECRET, envelope, in_seconds, private_file, token};

const SOON: Duration = Duration::from_secs(30);
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;

/// Sends this again and again until the hub does not take it any more, and returns the close code that it has sent.
async fn send_until_closed(stream: &mut TcpStream, bytes: &[u8]) -> Option<u16> {
    let (mut read, mut write) = stream.split();
    let mut answer = Vec::new();
    let sending = async { while write.write_all(bytes).await.is_ok() {} };
    let reading = async { while read.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {} };
    timeout(PATIENCE, async {
        tokio::select! {
            () = sending => {}
            () = reading => {}
        }
    })
    .await
    .expect("the hub has enough in time");
    // What had arrived when sending failed.
    let rest = timeout(PATIENCE, read.read_to_end(&mut answer)).await.expect("and closes in time");
    drop(rest);
    close_code(&answer)
}

/// The code of the last frame, if it is a close frame.
fn close_code(frames: &[u8]) -> Option<u16> {
    let (mut rest, mut code) = (frames, None);
    while let [first, length, tail @ ..] = rest {
        let (length, tail) = match length {
            126 => (usize::from(u16::from_be_bytes(*tail.first_chunk()?)), tail.get(2..)?),
            127 => (u64::from_be_bytes(*tail.first_chunk()?) as usize, tail.get(8..)?),
            length => (usize::from(*length), tail),
        };
        let payload = tail.get(..length)?;
        code =
            (*first == 0x88).then(|| payload.first_chunk().map(|code| u16::from_be_bytes(*code))).flatten();
        rest = &tail[length..];
    }
    code
}

/// So many WebSockets, one after the other, which send this until they are closed with this code.
async fn closed_with(name: &'static str, number: usize, bytes: &[u8], code: u16, most_memory: usize) {
    let attack = Attack::on(name, &[]).await;
    let mut clients = Vec::new();
    for _ in 0..number {
        let mut client = attack.websocket().await;
        assert_eq!(send_until_closed(&mut client, bytes).await, Some(code), "{name}");
        clients.push(client);
    }
    attack.over(number, By::Hub, most_memory, SOON).await;
}

#[tokio::test]
async fn pings_without_an_end() {
    closed_with("ping flood", 20, &frame(PING, &[0; 125]), 1008, 16 * MIB).await;
}

#[tokio::test]
async fn pings_whose_answers_nobody_reads() {
    let attack = Attack::on("ping flood, answers unread", &[]).await;
    let ping = frame(PING, &[0; 125]).repeat(100);
    let mut clients = Vec::new();
    for _ in 0..6 {
        let socket = attack.hub.socket_with_little_room().await;
        let mut client = Client::new(socket);
        client.send(format!("GET /ws HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n")).await;
        while timeout(PATIENCE, client.stream.write_all(&ping)).await.expect("in time").is_ok() {}
        clients.push(client);
    }
    attack.over(6, By::Hub, 32 * MIB, Duration::from_secs(60)).await;
}

#[tokio::test]
async fn frames_of_one_byte() {
    closed_with("frames of one byte", 50, &frame(TEXT, b"x"), 1008, 16 * MIB).await;
}

#[tokio::test]
async fn fragments_of_one_byte() {
    closed_with("fragments of one byte without an end", 10, &frame(0x00, b"x"), 1002, 16 * MIB).await;
    let attack = Attack::on("fragments of one byte, begun rightly", &[]).await;
    for _ in 0..10 {
        let mut client = attack.websocket().await;
        client.write_all(&frame(0x01, b"x")).await.unwrap();
        let code = send_until_closed(&mut client, &frame(0x00, b"x").repeat(100)).await;
        assert_eq!(code, Some(1009));
    }
    attack.over(10, By::Hub, 16 * MIB, SOON).await;
}

#[tokio::test]
async fn fragments_of_nothing() {
    let attack = Attack::on("empty fragments without an end", &[]).await;
    for _ in 0..10 {
        let mut client = attack.websocket().await;
        client.write_all(&frame(0x01, b"")).await.unwrap();
        let code = send_until_closed(&mut client, &frame(0x00, b"").repeat(100)).await;
        assert_eq!(code, Some(1009));
    }
    attack.over(10, By::Hub, 16 * MIB, SOON).await;
}

#[tokio::test]
async fn frames_that_announce_more_than_there_may_be() {
    let mut huge = vec![TEXT, 0xff];
    huge.extend((1_u64 << 40).to_be_bytes());
    huge.extend([0; 4]);
    closed_with("a frame of a terabyte, announced", 100, &huge, 1009, 16 * MIB).await;
}

/// Each of them so often, on a WebSocket of its own, which the hub closes with this code.
async fn closed_at_once(name: &'static str, often: usize, cases: &[(&str, Vec<u8>, u16)]) {
    let attack = Attack::on(name, &[]).await;
    for (case, bytes, code) in cases {
        for _ in 0..often {
            let mut client = attack.websocket().await;
            client.write_all(bytes).await.unwrap();
            let mut answer = Vec::new();
            let read = timeout(PATIENCE, client.read_to_end(&mut answer)).await.expect("in time");
            assert!(read.is_ok(), "{case}: {read:?}");
            assert_eq!(close_code(&answer), Some(*code), "{case}");
        }
    }
    attack.over(often * cases.len(), By::Hub, 16 * MIB, SOON).await;
}

#[tokio::test]
async fn what_no_client_may_send() {
    let cases = [
        ("not masked", [&[TEXT, 2][..], b"{}"].concat(), 1002),
        ("RSV1, as if it were compressed", frame(TEXT | 0x40, b"{}"), 1002),
        ("RSV2", frame(TEXT | 0x20, b"{}"), 1002),
        ("RSV3", frame(TEXT | 0x10, b"{}"), 1002),
        ("a reserved opcode", frame(0x83, b"{}"), 1002),
        ("a reserved control opcode", frame(0x8b, b""), 1002),
        ("a continuation of nothing", frame(0x80, b"{}"), 1002),
        ("a ping in fragments", frame(0x09, b"x"), 1002),
        ("a ping that is too long", frame(PING, &[0; 126]), 1002),
        ("a close with half a code", frame(CLOSE, &[3]), 1002),
        ("a close with a code that is none", frame(CLOSE, &5_u16.to_be_bytes()), 1002),
    ];
    closed_at_once("other frames against RFC 6455", 20, &cases).await;
}

#[tokio::test]
async fn what_is_no_text() {
    let long = [&b"\"".repeat(30_000)[..], b"\xff"].concat();
    let cases = [
        ("bytes that are none", frame(TEXT, b"\xff\xfe{}"), 1007),
        ("half a character at the end", frame(TEXT, "\"ä".as_bytes().split_last().unwrap().1), 1007),
        ("at the end of much", frame(TEXT, &long), 1007),
        ("a surrogate", frame(TEXT, b"\xed\xa0\x80"), 1007),
        ("in the reason of a close", frame(CLOSE, &[3, 232, 0xff, 0xfe]), 1007),
    ];
    closed_at_once("invalid UTF-8", 50, &cases).await;
}

#[tokio::test]
async fn reasons_that_are_too_long() {
    let reason = |length: usize| [&1000_u16.to_be_bytes()[..], &vec![b'x'; length]].concat();
    let cases = [
        ("by a byte", frame(CLOSE, &reason(124)), 1002),
        ("in a frame that says so in two bytes", frame(CLOSE, &reason(60_000)), 1002),
        ("and in one that says so in eight", frame(CLOSE, &reason(70_000)), 1002),
    ];
    closed_at_once("oversized close reasons", 50, &cases).await;
}

#[tokio::test]
async fn frames_that_come_byte_by_byte() {
    let attack = Attack::on("a byte of a frame at a time", &[]).await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(attack.websocket().await);
    }
    // A frame of 60,000 bytes, which would take the whole day; the hub pings in between and hears no answer.
    let mut bytes = frame(TEXT, &[b'x'; 60_000]).into_iter();
    let mut often = tokio::time::interval(Duration::from_millis(500));
    let mut open: Vec<usize> = (0..clients.len()).collect();
    while !open.is_empty() {
        often.tick().await;
        let byte = [bytes.next().expect("it takes longer than the hub has patience")];
        for index in std::mem::take(&mut open) {
            let client = &mut clients[index];
            let ended =
                matches!(client.try_read(&mut [0; 512]), Ok(0)) || client.write_all(&byte).await.is_err();
            if !ended {
                open.push(index);
            }
        }
    }
    // A heartbeat, the time for its answer, and a little.
    attack.over(clients.len(), By::Hub, 16 * MIB, Duration::from_secs(60)).await;
}

#[tokio::test]
async fn event_streams_that_nobody_reads() {
    let folder = Folder::new();
    let secret = private_file(&folder.join("secret"), SECRET);
    let hub = Hub::start(&["--jwt-secret-file", &secret, "--allow-anonymous", "all"]).await;
    let attack = Attack::on_hub("event streams that nobody reads, of tokens of 3 s", hub).await;
    let short = token(serde_json::json!({"subscribe": ["*"], "exp": in_seconds(3.0)}));
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = Client::new(attack.hub.socket_with_little_room().await);
        client.open(&format!("/events?topic=flood&token={short}")).await;
        clients.push(client);
    }
    attack.has_sent_all();
    // Enough that none of them is ever done writing.
    let mut spoke = attack.hub.spoke().await;
    let event = envelope("flood:1", "x".repeat(10_000));
    for _ in 0..500 {
        spoke.send(&event).await;
    }
    assert_eq!(spoke.publish(&event).await["type"], "__published");
    spoke.close().await;
    attack.over(clients.len(), By::Hub, 32 * MIB, SOON).await;
}

#[tokio::test]
async fn compression_is_not_agreed_to() {
    let attack = Attack::on("offers of compression", &[]).await;
    for offer in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "x-webkit-deflate-frame, permessage-bzip2",
    ] {
        for _ in 0..50 {
            let mut client = attack.hub.connect().await;
            client
                .send(format!(
                    "GET /ws HTTP/1.1\r\nHost: x\r\n{UPGRADE}Sec-WebSocket-Extensions: {offer}\r\n\r\n"
                ))
                .await;
            let head = client.head().await;
            assert_eq!((head.status, head.headers.get("sec-websocket-extensions")), (101, None));
        }
    }
    attack.over(150, By::Attacker, 16 * MIB, SOON).await;
}

#[tokio::test]
async fn topics_that_come_and_go() {
    let attack = Attack::on("subscription churn", &[]).await;
    let mut clients = Vec::new();
    let mut tries = 0;
    for client in 0..20 {
        let mut spoke = attack.hub.spoke().await;
        for round in 0..500 {
            let topics = format!("{{\"topics\":[\"a:{client}-{round}\",\"b{round}\"]}}");
            spoke.send(format!("{{\"type\":\"__subscribe\",\"id\":\"s\",\"payload\":{topics}}}")).await;
            spoke.send(format!("{{\"type\":\"__unsubscribe\",\"id\":\"u\",\"payload\":{topics}}}")).await;
            tries += 2;
        }
        // Each is answered, most of them with `rate_limited`.
        let mut answers = 0;
        while answers < 1000 {
            let frame = spoke.frame().await;
            answers += usize::from(frame["type"] != "__gap");
        }
        clients.push(spoke);
    }
    drop(clients);
    attack.over(tries, By::Attacker, 24 * MIB, SOON).await;
}

#[tokio::test]
async fn events_as_fast_as_they_go() {
    let attack = Attack::on("publish flood to a client that does not read", &[]).await;
    let mut slow = Client::new(attack.hub.socket_with_little_room().await);
    slow.open("/events?topic=flood").await;
    let mut spoke = attack.hub.spoke().await;
    let event = envelope("flood:1", "x".repeat(10_000));
    for _ in 0..5000 {
        spoke.send(&event).await;
    }
    let answer = spoke.publish(&event).await;
    assert_eq!(answer["type"], "__published");
    spoke.close().await;
    drop(slow);
    attack.over(5001, By::Attacker, 24 * MIB, SOON).await;
}

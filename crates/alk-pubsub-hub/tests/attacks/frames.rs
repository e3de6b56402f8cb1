//! WebSockets that speak badly, too much, or never to the end.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{Attack, By, MIB, UPGRADE, frame};
use crate::support::{Client, PATIENCE, envelope};

const SOON: Duration = Duration::from_secs(30);
const TEXT: u8 = 0x81;
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
        let found = send_until_closed(&mut client, bytes).await;
        // Where the hub's system has thrown away what it had sent, there is none.
        assert!(found.is_none_or(|found| found == code), "{name}: {found:?}");
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
        assert!(code.is_none_or(|code| code == 1009), "{code:?}");
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
        assert!(code.is_none_or(|code| code == 1009), "{code:?}");
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

#[tokio::test]
async fn what_no_client_may_send() {
    let attack = Attack::on("frames against RFC 6455", &[]).await;
    let bad_close = |payload: &[u8]| frame(0x88, payload);
    let long_reason = [&1000_u16.to_be_bytes()[..], &[b'x'; 200]].concat();
    let mut tries = 0;
    for (name, bytes, code) in [
        ("not masked", [&[TEXT, 2][..], b"{}"].concat(), 1002),
        ("RSV1, as if it were compressed", frame(TEXT | 0x40, b"{}"), 1002),
        ("RSV2", frame(TEXT | 0x20, b"{}"), 1002),
        ("RSV3", frame(TEXT | 0x10, b"{}"), 1002),
        ("a reserved opcode", frame(0x83, b"{}"), 1002),
        ("a reserved control opcode", frame(0x8b, b""), 1002),
        ("a continuation of nothing", frame(0x80, b"{}"), 1002),
        ("a ping in fragments", frame(0x09, b"x"), 1002),
        ("a ping that is too long", frame(PING, &[0; 126]), 1002),
        ("invalid UTF-8", frame(TEXT, b"\xff\xfe{}"), 1007),
        ("half a character at the end", frame(TEXT, "\"ä".as_bytes().split_last().unwrap().1), 1007),
        ("a close with half a code", bad_close(&[3]), 1002),
        ("a close with a code that is none", bad_close(&5_u16.to_be_bytes()), 1002),
        ("a close whose reason is too long", bad_close(&long_reason), 1002),
        ("a close whose reason is no text", bad_close(&[3, 232, 0xff, 0xfe]), 1007),
    ] {
        for _ in 0..20 {
            let mut client = attack.websocket().await;
            client.write_all(&bytes).await.unwrap();
            let mut answer = Vec::new();
            let read = timeout(PATIENCE, client.read_to_end(&mut answer)).await.expect("in time");
            assert!(read.is_ok(), "{name}: {read:?}");
            assert_eq!(close_code(&answer), Some(code), "{name}");
            tries += 1;
        }
    }
    attack.over(tries, By::Hub, 16 * MIB, SOON).await;
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

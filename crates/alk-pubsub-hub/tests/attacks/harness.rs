//! One attack: what it is measured by, and that the hub is none the worse for it.

use std::cell::Cell;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::support::{Client, Hub, PATIENCE, envelope};

pub(crate) const MIB: usize = 1 << 20;

/// A hub that is attacked, and a client that has nothing to do with it.
pub(crate) struct Attack {
    pub(crate) hub: Hub,
    name: &'static str,
    witness: Client,
    began: Instant,
    /// When the attacker sent its last byte, where that is over.
    last_byte: Cell<Option<Instant>>,
    /// The files it had open, and the memory it had, before.
    files: usize,
    memory: usize,
}

/// Who ends an attacker's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The hub, while the attacker holds on to them.
    Hub,
    /// The attacker, since it does nothing that others do not do too.
    Attacker,
}

impl Attack {
    pub(crate) async fn on(name: &'static str, flags: &[&str]) -> Self {
        Self::on_hub(name, Hub::start(flags).await).await
    }

    pub(crate) async fn on_hub(name: &'static str, hub: Hub) -> Self {
        // What is made once is made before it is measured.
        let (mut first, mut witness) = (hub.spoke().await, hub.connect().await);
        witness.open("/events?topic=witness").await;
        first.publish(&envelope("witness:1", 0)).await;
        first.close().await;
        hub.connect().await.post("application/json", envelope("witness:1", 0)).await;
        for _ in 0..2 {
            witness.event().await.unwrap();
        }
        hub.until("the first has gone", |stats| stats["connections"]["websocket"] == 0).await;
        let process = hub.process();
        process.forget_peak();
        let (files, memory) = (process.files(), process.peak());
        Self { hub, name, witness, began: Instant::now(), last_byte: Cell::new(None), files, memory }
    }

    /// From here on the attacker sends nothing, and waits for what happens.
    pub(crate) fn has_sent_all(&self) {
        self.last_byte.set(Some(Instant::now()));
    }

    /// A connection that has become a WebSocket, of which everything up to its `__welcome` is read and nothing more.
    pub(crate) async fn websocket(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.hub.address).await.unwrap();
        let request = format!("GET /ws HTTP/1.1\r\nHost: {}\r\n{UPGRADE}\r\n", self.hub.address);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(PATIENCE, stream.read_u8()).await.expect("an answer in time").unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "));
        assert_eq!(stream.read_u8().await.unwrap(), 0x81, "a text");
        let length = match stream.read_u8().await.unwrap() {
            126 => stream.read_u16().await.unwrap(),
            length => length.into(),
        };
        let mut welcome = vec![0; length.into()];
        stream.read_exact(&mut welcome).await.unwrap();
        assert!(welcome.starts_with(b"{\"type\":\"__welcome\""));
        stream
    }

    /// Waits until nothing is left of it, checks what it cost, and that others are served as before. The connections of the
    /// attacker are still open on its side if it is the hub that is to end them.
    pub(crate) async fn over(mut self, tries: usize, by: By, most_memory: usize, most_time: Duration) {
        let last_byte = self.last_byte.get().unwrap_or_else(Instant::now);
        let process = self.hub.process();
        let gone = async {
            while process.files() > self.files {
                tokio::task::yield_now().await;
            }
        };
        let patience = most_time.max(PATIENCE);
        timeout(patience, gone).await.unwrap_or_else(|_| panic!("{}: sockets are left", self.name));
        let since = if by == By::Hub { self.began } else { last_byte };
        let (time, memory) = (since.elapsed(), process.peak().saturating_sub(self.memory));
        row(self.name, tries, memory, by, self.began.elapsed(), last_byte.elapsed());
        assert!(memory <= most_memory, "{}: {memory} bytes", self.name);
        assert!(time <= most_time, "{}: {time:?}", self.name);
        self.hub.connect().await.post("application/json", envelope("witness:1", "still there")).await;
        assert_eq!(self.witness.event().await.unwrap().data()["payload"], "still there", "{}", self.name);
    }
}

/// A line of the table.
pub(crate) fn row(name: &str, tries: usize, memory: usize, by: By, whole: Duration, after_last: Duration) {
    println!(
        "| {name} | {tries} | {:.1} MiB | {} | {:.1} s | {:.1} s |",
        memory as f64 / MIB as f64,
        if by == By::Hub { "hub" } else { "attacker" },
        whole.as_secs_f64(),
        after_last.as_secs_f64(),
    );
}

pub(crate) const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A frame of a WebSocket as a client sends it, with a mask of nothing.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..126 => out.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
    out
}

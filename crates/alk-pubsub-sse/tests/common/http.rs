//! A client that knows no more of HTTP than what it reads here.

use std::collections::HashMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The backstop: nothing here takes that long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    /// Read from the socket, not yet looked at.
    raw: Vec<u8>,
    /// Of the body, not yet looked at.
    body: Vec<u8>,
    chunked: bool,
    ended: bool,
}

pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
}

/// An event as a browser would see it: the fields of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block(pub(crate) String);

impl Block {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn data(&self) -> serde_json::Value {
        serde_json::from_str(self.field("data").expect("data")).expect("JSON")
    }
}

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, raw: Vec::new(), body: Vec::new(), chunked: false, ended: false }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    pub(crate) async fn get(&mut self, path: &str) -> Head {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")).await;
        self.head().await
    }

    /// Opens a stream, and reads up to where it says that it is open.
    pub(crate) async fn open(&mut self, path: &str) -> Head {
        let head = self.get(path).await;
        assert_eq!(head.status, 200);
        assert_eq!(self.block().await.unwrap().0, ": subscribed");
        head
    }

    pub(crate) async fn post(
        &mut self,
        media_type: &str,
        body: impl AsRef<[u8]>,
    ) -> (Head, serde_json::Value) {
        let body = body.as_ref();
        let length = body.len();
        self.send(format!(
            "POST /events HTTP/1.1\r\nHost: test\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n"
        ))
        .await;
        self.send(body).await;
        self.answer().await
    }

    pub(crate) async fn begin_post(&mut self, media_type: &str) {
        self.send(format!(
            "POST /events HTTP/1.1\r\nHost: test\r\nContent-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
        ))
        .await;
    }

    pub(crate) async fn send_chunk(&mut self, chunk: &str) {
        self.send(format!("{:x}\r\n{chunk}\r\n", chunk.len())).await;
    }

    /// An answer whose body is JSON; null if it is not.
    pub(crate) async fn answer(&mut self) -> (Head, serde_json::Value) {
        let (head, body) = self.text().await;
        let body = serde_json::from_str(&body).unwrap_or_default();
        (head, body)
    }

    /// An answer of known length.
    pub(crate) async fn text(&mut self) -> (Head, String) {
        let head = self.head().await;
        let body = self.take_body(&head).await;
        (head, body)
    }

    pub(crate) async fn take_body(&mut self, head: &Head) -> String {
        let length: usize = head.headers["content-length"].parse().unwrap();
        while self.raw.len() < length {
            assert!(self.fill().await, "the connection ended within an answer");
        }
        String::from_utf8(self.raw.drain(..length).collect()).unwrap()
    }

    pub(crate) async fn head(&mut self) -> Head {
        let end = self.find(b"\r\n\r\n").await.expect("a head");
        let text: Vec<u8> = self.raw.drain(..end + 4).collect();
        let text = String::from_utf8(text).unwrap();
        let mut lines = text.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: HashMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        self.chunked = headers.get("transfer-encoding").is_some_and(|value| value == "chunked");
        Head { status, headers }
    }

    /// The next block of an event stream, comments too; `None` at its end.
    pub(crate) async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some(end) = self.body.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.body.drain(..end + 2).collect();
                return Some(Block(String::from_utf8(block).unwrap().trim_end().to_owned()));
            }
            if self.ended {
                assert!(self.body.is_empty(), "the stream ended within a block");
                return None;
            }
            self.chunk().await;
        }
    }

    /// The next event; comments are passed over.
    pub(crate) async fn event(&mut self) -> Option<Block> {
        loop {
            let block = self.block().await?;
            if !block.0.starts_with(':') {
                return Some(block);
            }
        }
    }

    async fn chunk(&mut self) {
        assert!(self.chunked);
        let end = self.find(b"\r\n").await.expect("a chunk");
        let size: Vec<u8> = self.raw.drain(..end + 2).collect();
        let size = usize::from_str_radix(std::str::from_utf8(&size).unwrap().trim(), 16).unwrap();
        while self.raw.len() < size + 2 {
            assert!(self.fill().await, "the connection ended within a chunk");
        }
        self.body.extend(self.raw.drain(..size + 2).take(size));
        self.ended = size == 0;
    }

    async fn find(&mut self, needle: &[u8]) -> Option<usize> {
        loop {
            if let Some(at) = self.raw.windows(needle.len()).position(|window| window == needle) {
                return Some(at);
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    async fn fill(&mut self) -> bool {
        let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.raw)).await;
        read.expect("an answer in time").unwrap_or(0) > 0
    }

    /// Whether the server has closed the connection; waits for it.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.raw.clear();
        !self.fill().await
    }
}

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};

use anyhow::{Result, bail};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(usize::MAX);
/// It does not work out what the client's key asks for: the load does not look.
const UPGRADED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: -\r\n\r\n";
const STREAM: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
const WELCOME: &[u8] = br#"{"type":"__welcome","id":"","payload":{}}"#;
const SUBSCRIBED: &[u8] = br#"{"type":"__subscribed","id":"","payload":{"topics":[]}}"#;

struct Connection {
    stream: TcpStream,
    rest: Vec<u8>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The end of its request is not there yet.
    New,
    Socket,
    Subscribed,
    Stream,
}

/// One thread, one topic: what the publisher sent is written to all at once, in one piece.
pub(super) fn serve(listener: std::net::TcpListener) -> Result<()> {
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut connections, mut next) = (HashMap::<usize, Connection>::new(), 0);
    let mut ready = Events::with_capacity(1024);
    let mut buffer = vec![0; 256 << 10];
    loop {
        poll.poll(&mut ready, None)?;
        for event in &ready {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    poll.registry().register(&mut stream, Token(next), Interest::READABLE)?;
                    connections.insert(next, Connection { stream, rest: Vec::new(), kind: Kind::New });
                    next += 1;
                }
                continue;
            }
            let Some(connection) = connections.get_mut(&event.token().0) else { continue };
            let (mut frames, mut events) = (Vec::new(), Vec::new());
            if connection.read(&mut buffer, &mut frames, &mut events)? {
                connections.remove(&event.token().0);
            }
            if !frames.is_empty() {
                for connection in connections.values_mut() {
                    match connection.kind {
                        Kind::Subscribed => write_all(&mut connection.stream, &frames),
                        Kind::Stream => write_all(&mut connection.stream, &events),
                        Kind::New | Kind::Socket => {}
                    }
                }
            }
        }
    }
}

impl Connection {
    /// Reads all there is, and appends the events that are in it as they are to be written; whether this was the end.
    fn read(&mut self, buffer: &mut [u8], frames: &mut Vec<u8>, events: &mut Vec<u8>) -> Result<bool> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Ok(true),
                Ok(bytes) => {
                    self.rest.extend_from_slice(&buffer[..bytes]);
                    if bytes < buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Ok(true),
            }
        }
        if self.kind == Kind::New {
            let Some(end) = self.rest.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(false) };
            if self.rest.starts_with(b"GET /events") {
                self.kind = Kind::Stream;
                write_all(&mut self.stream, STREAM);
            } else {
                self.kind = Kind::Socket;
                let mut welcome = UPGRADED.to_vec();
                frame(WELCOME, &mut welcome);
                write_all(&mut self.stream, &welcome);
            }
            self.rest.drain(..end + 4);
        }
        self.take_frames(frames, events)?;
        Ok(false)
    }

    /// Frames of the load: masked by nothing.
    fn take_frames(&mut self, frames: &mut Vec<u8>, events: &mut Vec<u8>) -> Result<()> {
        let mut used = 0;
        while let &[_, length, ..] = &self.rest[used..] {
            let (head, length) = match (length & 0x7f, &self.rest[used..]) {
                (126, &[_, _, a, b, ..]) => (8, usize::from(u16::from_be_bytes([a, b]))),
                (126, _) => break,
                (127, &[_, _, 0, 0, 0, 0, a, b, c, d, ..]) => {
                    (14, usize::try_from(u32::from_be_bytes([a, b, c, d]))?)
                }
                (127, rest) if rest.len() < 10 => break,
                (127, _) => bail!("a frame is too large"),
                (length, _) => (6, usize::from(length)),
            };
            let Some(text) = self.rest.get(used + head..used + head + length) else { break };
            if text.starts_with(br#"{"type":"bench"#) {
                frame(text, frames);
                for part in [b"event: bench.tick\ndata: ", text, b"\n\n"] {
                    events.extend_from_slice(part);
                }
            } else if text.windows(11).any(|part| part == b"__subscribe") {
                let mut answer = Vec::new();
                frame(SUBSCRIBED, &mut answer);
                write_all(&mut self.stream, &answer);
                self.kind = Kind::Subscribed;
            }
            used += head + length;
        }
        self.rest.drain(..used);
        Ok(())
    }
}

#[allow(clippy::cast_possible_truncation, reason = "it is looked at before")]
fn frame(text: &[u8], out: &mut Vec<u8>) {
    out.push(0x81);
    match text.len() {
        short @ ..126 => out.push(short as u8),
        middle @ ..0x1_0000 => {
            out.push(126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(text);
}

/// Where a socket is full it tries again: it has nothing else to do.
fn write_all(stream: &mut TcpStream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(_) => return,
        }
    }
}

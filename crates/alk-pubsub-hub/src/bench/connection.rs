use std::borrow::Cow;
use std::io::{self, Read, Write};

use mio::net::TcpStream;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{self, Answer};
use super::event::Events;
use super::events::{self, Chunks};
use super::frames::{self, BINARY, CLOSE, PING, PONG, TEXT};
use super::nats::{self, Said};
use super::tally::{Reader, Tally};
use crate::cli::Dialect;

/// One connection to the hub: a listener's or the publisher's.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    dialect: Dialect,
    stage: Stage,
    /// The topic that it asks for once it is connected; the publisher has none.
    topic: Option<String>,
    ready: bool,
    reader: Reader,
    outgoing: Vec<u8>,
    /// What arrived and is not yet whole.
    rest: Vec<u8>,
    /// Of an event stream, without its chunks; of NATS, what is not yet whole of several frames.
    body: Vec<u8>,
}

#[derive(Debug)]
enum Stage {
    Head,
    WebSocket,
    /// An event stream, in chunks or up to its end.
    Stream(Option<Chunks>),
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) events: &'a Events,
    pub(super) tally: &'a mut Tally,
    /// In microseconds since the run began.
    pub(super) now: u64,
}

/// A frame that is no event.
#[derive(Debug, Deserialize)]
struct Control<'a> {
    #[serde(rename = "type", borrow)]
    frame_type: Cow<'a, str>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

impl Connection {
    /// Will send the request when it is connected, and ask for the topic if it is a WebSocket.
    pub(super) fn new(stream: TcpStream, dialect: Dialect, request: String, topic: Option<String>) -> Self {
        Self {
            stream,
            dialect,
            stage: Stage::Head,
            topic,
            ready: false,
            reader: Reader::default(),
            outgoing: request.into_bytes(),
            rest: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Whether it is as it is to be: what is published from now on is received.
    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(super) fn reader(&mut self) -> &mut Reader {
        &mut self.reader
    }

    /// Queues an event.
    pub(super) fn publish(&mut self, envelope: &str) {
        match self.dialect {
            Dialect::Alk | Dialect::Nchan => self.send(TEXT, envelope),
            Dialect::Nats => self.send(BINARY, &nats::publish(envelope)),
        }
    }

    fn send(&mut self, opcode: u8, text: &str) {
        frames::write(opcode, text.as_bytes(), &mut self.outgoing);
    }

    /// Writes what is queued, as much as the socket takes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        while written < self.outgoing.len() {
            match self.stream.write(&self.outgoing[written..]) {
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It is not yet connected, or full: its next event says when to go on.
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) =>
                {
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        self.outgoing.drain(..written);
        Ok(())
    }

    /// Reads everything that is there.
    ///
    /// # Errors
    ///
    /// What went wrong, for people to read: the hub closed it, refused something, or speaks another protocol.
    pub(super) fn receive(&mut self, buffer: &mut [u8], shared: &mut Shared<'_>) -> Result<(), String> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err("the hub closed a connection".to_owned()),
                Ok(bytes) => {
                    self.take(&buffer[..bytes], shared)?;
                    // Less than there was room for is all there is.
                    if bytes < buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("a connection is lost: {error}")),
            }
        }
        self.flush().map_err(|error| format!("a connection is lost: {error}"))
    }

    fn take(&mut self, fresh: &[u8], shared: &mut Shared<'_>) -> Result<(), String> {
        if self.rest.is_empty() {
            let used = self.consume(fresh, shared)?;
            self.rest.extend_from_slice(&fresh[used..]);
        } else {
            let mut all = std::mem::take(&mut self.rest);
            all.extend_from_slice(fresh);
            let used = self.consume(&all, shared)?;
            all.drain(..used);
            self.rest = all;
        }
        Ok(())
    }

    /// Takes what is whole; how many bytes that was.
    fn consume(&mut self, bytes: &[u8], shared: &mut Shared<'_>) -> Result<usize, String> {
        let mut used = 0;
        if matches!(self.stage, Stage::Head) {
            let Some((answer, length)) = answer::read(bytes) else { return Ok(0) };
            used = length;
            self.stage = match answer {
                Answer::WebSocket => {
                    match self.dialect {
                        Dialect::Alk => {}
                        Dialect::Nats => self.send(BINARY, &nats::greeting(self.topic.is_some())),
                        Dialect::Nchan => self.ready = true,
                    }
                    Stage::WebSocket
                }
                Answer::Stream { chunked } => {
                    self.ready = true;
                    Stage::Stream(chunked.then(Chunks::default))
                }
                Answer::Refused(line) => return Err(format!("the hub answered: {line}")),
            };
        }
        let bytes = &bytes[used..];
        let mut failed = None;
        let read = match &mut self.stage {
            Stage::Head => 0,
            Stage::WebSocket => {
                let read = frames::read(bytes, |opcode, payload| {
                    if let Err(error) = self.frame(opcode, payload, shared) {
                        failed.get_or_insert(error);
                    }
                });
                read.map_err(|broken| format!("this is no hub: {}", broken.0))?
            }
            Stage::Stream(chunks) => {
                let mut body = std::mem::take(&mut self.body);
                let read = match chunks {
                    Some(chunks) => {
                        chunks.read(bytes, &mut body).map_err(|broken| format!("the hub: {}", broken.0))?
                    }
                    None => {
                        body.extend_from_slice(bytes);
                        bytes.len()
                    }
                };
                let events = events::read(&body, |data| {
                    if let Err(error) = self.message(data, shared) {
                        failed.get_or_insert(error);
                    }
                });
                body.drain(..events);
                self.body = body;
                read
            }
        };
        failed.map_or(Ok(used + read), Err)
    }

    fn frame(&mut self, opcode: u8, payload: &[u8], shared: &mut Shared<'_>) -> Result<(), String> {
        match opcode {
            TEXT | BINARY if self.dialect == Dialect::Nats => self.nats(payload, shared),
            TEXT => self.message(payload, shared),
            PING => {
                frames::write(PONG, payload, &mut self.outgoing);
                Ok(())
            }
            CLOSE => Err("the hub closed a connection".to_owned()),
            _ => Ok(()),
        }
    }

    fn message(&mut self, text: &[u8], shared: &mut Shared<'_>) -> Result<(), String> {
        if let Some(stamp) = shared.events.read(text) {
            shared.tally.see(&mut self.reader, stamp, shared.now);
            return Ok(());
        }
        let Ok(Control { frame_type, payload }) = serde_json::from_slice(text) else { return Ok(()) };
        let payload = payload.map_or("", RawValue::get);
        match (&*frame_type, &self.topic) {
            ("__welcome", Some(topic)) => {
                let frame =
                    serde_json::json!({"type": "__subscribe", "id": "", "payload": {"topics": [topic]}});
                self.send(TEXT, &frame.to_string());
            }
            ("__welcome", None) | ("__subscribed", _) => self.ready = true,
            ("__gap", _) => self.reader.gap(),
            ("__error", _) => return Err(format!("the hub refused something: {payload}")),
            ("__close", _) => return Err(format!("the hub closes: {payload}")),
            _ => {}
        }
        Ok(())
    }

    fn nats(&mut self, piece: &[u8], shared: &mut Shared<'_>) -> Result<(), String> {
        let mut body = std::mem::take(&mut self.body);
        body.extend_from_slice(piece);
        let mut failed = None;
        let used = nats::read(&body, |said| match said {
            Said::Message(envelope) => {
                if let Some(stamp) = shared.events.read(envelope) {
                    shared.tally.see(&mut self.reader, stamp, shared.now);
                }
            }
            Said::Ping => self.send(BINARY, "PONG\r\n"),
            Said::Pong => self.ready = true,
            Said::Error(error) => _ = failed.get_or_insert(format!("the hub refused something: {error}")),
            Said::Else => {}
        });
        body.drain(..used);
        self.body = body;
        failed.map_or(Ok(()), Err)
    }
}

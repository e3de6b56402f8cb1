//! The protocols of two brokers, read and written by hand on sockets that block: what a client can reach at most.

use std::any::Any;
use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};

use super::listeners::give_up;
use super::measure::CHANNEL;
use super::note::{Envelope, Note};
use super::progress::{Progress, Subscriber};
use super::publishing::Publisher;

#[derive(Debug, Clone, Copy)]
pub(super) enum Dialect {
    Resp,
    Nats,
}

const BUFFER: usize = 256 << 10;
/// Whether somebody is still there, from time to time.
const NATS_ASKS: &[u8] = b"PING\r\n";
const NATS_IS_TOLD: &[u8] = b"PONG\r\n";

impl Dialect {
    /// A thread and a connection for each subscriber.
    pub(super) fn listen(self, url: &str, progress: &Progress) -> Result<Box<dyn Any>> {
        for subscriber in progress.subscribers() {
            let mut stream = connect(url)?;
            let (request, confirmed) = self.subscribe();
            stream.write_all(request.as_bytes())?;
            read_until(&mut stream, confirmed.as_bytes())?;
            std::thread::spawn(move || {
                if let Err(error) = self.receive(&mut stream, subscriber) {
                    give_up(&error);
                }
            });
        }
        Ok(Box::new(()))
    }

    /// What subscribes, and with what the answer to it ends.
    fn subscribe(self) -> (String, &'static str) {
        match self {
            Self::Resp => (format!("SUBSCRIBE {CHANNEL}\r\n"), ":1\r\n"),
            Self::Nats => {
                (format!("CONNECT {{\"verbose\":false}}\r\nSUB {CHANNEL} 1\r\nPING\r\n"), "PONG\r\n")
            }
        }
    }

    /// What a message begins with; then come its length, a line's end, itself, and another line's end.
    fn head(self) -> String {
        match self {
            Self::Resp => format!("*3\r\n$7\r\nmessage\r\n${}\r\n{CHANNEL}\r\n$", CHANNEL.len()),
            Self::Nats => format!("MSG {CHANNEL} 1 "),
        }
    }

    fn receive(self, stream: &mut TcpStream, mut subscriber: Subscriber) -> Result<()> {
        let head = self.head();
        let (mut buffer, mut filled) = (vec![0; BUFFER], 0);
        loop {
            let read = stream.read(&mut buffer[filled..])?;
            ensure!(read > 0, "the connection has ended");
            filled += read;
            let mut used = 0;
            loop {
                if buffer[used..filled].starts_with(NATS_ASKS) {
                    stream.write_all(NATS_IS_TOLD)?;
                    used += NATS_ASKS.len();
                }
                let Some((message, length)) = message(&buffer[used..filled], head.as_bytes())? else { break };
                let envelope: Envelope = serde_json::from_slice(message)?;
                if !subscriber.receive(&envelope.payload)? {
                    return Ok(());
                }
                used += length;
            }
            buffer.copy_within(used..filled, 0);
            filled -= used;
        }
    }
}

/// The first message, and how long it is with all that is around it; `None` where it is not whole.
fn message<'a>(bytes: &'a [u8], head: &[u8]) -> Result<Option<(&'a [u8], usize)>> {
    let begins_with = |head: &[u8]| bytes.iter().zip(head).all(|(byte, of_head)| byte == of_head);
    if bytes.len() < NATS_ASKS.len() && begins_with(NATS_ASKS) {
        return Ok(None);
    }
    ensure!(
        begins_with(head),
        "this is no message: {}",
        String::from_utf8_lossy(&bytes[..bytes.len().min(80)])
    );
    let Some(rest) = bytes.get(head.len()..) else { return Ok(None) };
    let Some(end) = rest.iter().position(|&byte| byte == b'\n') else { return Ok(None) };
    let length: usize = std::str::from_utf8(&rest[..end])?.trim_end().parse().context("no length")?;
    let Some(message) = rest.get(end + 1..end + 1 + length + 2) else { return Ok(None) };
    Ok(Some((&message[..length], head.len() + end + 1 + length + 2)))
}

fn connect(url: &str) -> Result<TcpStream> {
    let (_, address) = url.rsplit_once("://").context("an address")?;
    let stream = TcpStream::connect(address.trim_end_matches('/'))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn read_until(stream: &mut TcpStream, end: &[u8]) -> Result<()> {
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(end) {
        stream.read_exact(&mut byte).context("no answer")?;
        answer.push(byte[0]);
    }
    Ok(())
}

pub(super) struct Bare {
    dialect: Dialect,
    stream: TcpStream,
    out: Vec<u8>,
    answer: Vec<u8>,
}

impl Bare {
    pub(super) fn connect(dialect: Dialect, url: &str) -> Result<Self> {
        let mut stream = connect(url)?;
        if matches!(dialect, Dialect::Nats) {
            stream.write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n")?;
            read_until(&mut stream, b"PONG\r\n")?;
        }
        Ok(Self { dialect, stream, out: Vec::new(), answer: vec![0; 16 << 10] })
    }
}

impl Publisher for Bare {
    /// All in one write; Redis answers each, and NATS a ping behind them. It blocks: nothing else runs here.
    async fn publish(&mut self, notes: Vec<Note>) -> Result<()> {
        let mut answers = notes.len();
        self.out.clear();
        for note in notes {
            let envelope = serde_json::to_vec(&Envelope::new(note))?;
            let length = envelope.len();
            match self.dialect {
                Dialect::Resp => write!(
                    self.out,
                    "*3\r\n$7\r\nPUBLISH\r\n${}\r\n{CHANNEL}\r\n${length}\r\n",
                    CHANNEL.len()
                )?,
                Dialect::Nats => write!(self.out, "PUB {CHANNEL} {length}\r\n")?,
            }
            self.out.extend_from_slice(&envelope);
            self.out.extend_from_slice(b"\r\n");
        }
        if matches!(self.dialect, Dialect::Nats) {
            self.out.extend_from_slice(b"PING\r\n");
            answers = 1;
        }
        self.stream.write_all(&self.out)?;
        while answers > 0 {
            let read = self.stream.read(&mut self.answer)?;
            ensure!(read > 0, "the connection has ended");
            let mut lines = self.answer[..read].iter().filter(|&&byte| byte == b'\n').count();
            for _ in self.answer[..read].windows(NATS_ASKS.len()).filter(|line| *line == NATS_ASKS) {
                self.stream.write_all(NATS_IS_TOLD)?;
                lines -= 1;
            }
            answers = answers.checked_sub(lines).context("more answers than questions")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, message};

    #[test]
    fn messages_in_whatever_pieces() {
        for (dialect, text) in [
            (Dialect::Resp, "*3\r\n$7\r\nmessage\r\n$16\r\nbench:note:bench\r\n$2\r\n{}\r\n*3"),
            (Dialect::Nats, "MSG bench:note:bench 1 2\r\n{}\r\nMSG"),
        ] {
            let head = dialect.head();
            let whole = text.rfind("{}").expect("it is there") + 4;
            for length in 0..text.len() {
                let found = message(&text.as_bytes()[..length], head.as_bytes()).expect("a message");
                assert_eq!(found, (length >= whole).then_some((&b"{}"[..], whole)), "{dialect:?} {length}");
            }
            assert!(message(b"-ERR what\r\n", head.as_bytes()).is_err());
        }
    }
}

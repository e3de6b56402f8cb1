//! The text protocol of NATS, as far as somebody needs it who listens to one subject or publishes to it.

use memchr::memchr;

/// What is published to and listened to.
const SUBJECT: &str = "bench";
const CONNECT: &str = "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"alk-hub\",\"version\":\"0\",\"protocol\":1}\r\n";

/// What a connection says first. The server answers with a PONG when it has done it.
pub(super) fn greeting(listens: bool) -> String {
    let subscription = if listens { format!("SUB {SUBJECT} 1\r\n") } else { String::new() };
    format!("{CONNECT}{subscription}PING\r\n")
}

pub(super) fn publish(envelope: &str) -> String {
    format!("PUB {SUBJECT} {}\r\n{envelope}\r\n", envelope.len())
}

/// What the server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    Message(&'a [u8]),
    Ping,
    Pong,
    Error(String),
    /// Such as what it is.
    Else,
}

/// Hands everything that is there whole to `each`; how many bytes that was. A WebSocket message may hold any part of it.
pub(super) fn read(bytes: &[u8], mut each: impl FnMut(Said<'_>)) -> usize {
    let mut used = 0;
    while let Some(end) = memchr(b'\n', &bytes[used..]) {
        let (line, rest) = bytes[used..].split_at(end + 1);
        let line = line.trim_ascii_end();
        used += end + 1;
        let Some(message) = line.strip_prefix(b"MSG ") else {
            each(match line {
                b"PING" => Said::Ping,
                b"PONG" => Said::Pong,
                error if error.starts_with(b"-ERR") => {
                    Said::Error(String::from_utf8_lossy(error).into_owned())
                }
                _ => Said::Else,
            });
            continue;
        };
        let digits = message.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
        let length = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<usize>().ok());
        let Some(length) = length else {
            each(Said::Error("a message without a length".to_owned()));
            continue;
        };
        let Some(payload) = rest.get(..length).filter(|_| rest.len() >= length.saturating_add(2)) else {
            return used - (end + 1);
        };
        each(Said::Message(payload));
        used += length + 2;
    }
    used
}

#[cfg(test)]
mod tests {
    use super::{Said, greeting, publish, read};

    #[test]
    fn what_a_server_says_in_whatever_pieces() {
        let text = b"INFO {}\r\nPONG\r\nMSG bench 1 5\r\nab\r\nc\r\nPING\r\nMSG bench 1 0\r\n\r\n-ERR 'Slow Consumer'\r\n";
        for piece in [1, 3, 1000] {
            let (mut rest, mut seen) = (Vec::new(), Vec::new());
            for bytes in text.chunks(piece) {
                rest.extend_from_slice(bytes);
                let used = read(&rest, |said| {
                    seen.push(match said {
                        Said::Message(payload) => String::from_utf8_lossy(payload).into_owned(),
                        Said::Error(error) => error,
                        other => format!("{other:?}"),
                    });
                });
                rest.drain(..used);
            }
            assert_eq!(seen, ["Else", "Pong", "ab\r\nc", "Ping", "", "-ERR 'Slow Consumer'"], "{piece}");
            assert!(rest.is_empty(), "{piece}");
        }
    }

    #[test]
    fn what_is_said_to_it() {
        assert!(greeting(true).ends_with("SUB bench 1\r\nPING\r\n"));
        assert!(!greeting(false).contains("SUB"));
        assert_eq!(publish("{}"), "PUB bench 2\r\n{}\r\n");
    }
}

//! The head of an answer.

use memchr::memmem;

/// What follows a head.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    WebSocket,
    Stream {
        chunked: bool,
    },
    /// Its first line.
    Refused(String),
}

/// The answer and the length of its head; `None` while there is more of it to come.
pub(super) fn read(bytes: &[u8]) -> Option<(Answer, usize)> {
    /// More than any head of a hub.
    const LONGEST: usize = 64 << 10;
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        let endless = bytes.len() > LONGEST;
        return endless.then(|| (Answer::Refused("a head without an end".to_owned()), bytes.len()));
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let first = head.lines().next().unwrap_or_default();
    let answer = match first.split(' ').nth(1) {
        Some("101") => Answer::WebSocket,
        Some("200") => Answer::Stream { chunked: head.contains("transfer-encoding: chunked") },
        _ => Answer::Refused(first.to_ascii_uppercase()),
    };
    Some((answer, end + 4))
}

#[cfg(test)]
mod tests {
    use super::{Answer, read};

    #[test]
    fn answers() {
        for (text, answer) in [
            ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", Answer::WebSocket),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Answer::Stream { chunked: true }),
            ("HTTP/1.1 200 OK\r\n\r\n", Answer::Stream { chunked: false }),
            ("HTTP/1.1 503 Busy\r\n\r\n", Answer::Refused("HTTP/1.1 503 BUSY".to_owned())),
            ("what\r\n\r\n", Answer::Refused("WHAT".to_owned())),
        ] {
            assert_eq!(read(text.as_bytes()), Some((answer, text.len())), "{text}");
            assert_eq!(read(&text.as_bytes()[..text.len() - 1]), None, "{text}");
        }
        assert!(matches!(read(&[b'x'; 100_000]), Some((Answer::Refused(_), _))));
    }
}

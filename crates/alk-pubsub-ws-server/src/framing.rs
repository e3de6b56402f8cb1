use std::sync::{Arc, OnceLock};

use alk_pubsub_core::{Encoding, Event, Framing};
use alk_pubsub_link::{LinkFraming, Wire};

/// A frame of an unfragmented, unmasked WebSocket message; see RFC 6455, section 5.2.
///
/// What a server sends is neither masked nor otherwise different for each connection, so a frame is made once and
/// written to all.
#[derive(Debug)]
pub(crate) struct WsFraming(pub(crate) Wire);

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const FINAL: u8 = 0x80;

/// The longest reason of a close frame: a control frame's 125 bytes without the code's two.
const MAX_REASON: usize = 123;

impl WsFraming {
    /// The one of this encoding, which all connections share.
    pub(crate) fn shared(wire: Wire) -> Arc<Self> {
        static ALL: OnceLock<Vec<(Wire, Arc<WsFraming>)>> = OnceLock::new();
        let all =
            ALL.get_or_init(|| Wire::ALL.iter().map(|wire| (*wire, Arc::new(WsFraming(*wire)))).collect());
        let known = all.iter().find(|(known, _)| *known == wire);
        known.map_or_else(|| Arc::new(WsFraming(wire)), |(_, framing)| framing.clone())
    }
}

impl Framing for WsFraming {
    fn name(&self) -> &'static str {
        if self.0.is_text() { "websocket-text" } else { "websocket-binary" }
    }

    fn encoding(&self) -> &Encoding {
        self.0.encoding()
    }

    fn frame(&self, _: &Event, envelope: &[u8], out: &mut Vec<u8>) {
        self.wrap(envelope, out);
    }
}

impl LinkFraming for WsFraming {
    fn wire(&self) -> Wire {
        self.0
    }

    fn wrap(&self, frame: &[u8], out: &mut Vec<u8>) {
        put(if self.0.is_text() { TEXT } else { BINARY }, frame, out);
    }
}

/// Appends a frame.
fn put(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(FINAL | opcode);
    match payload.len() {
        len @ 0..126 => out.push(len as u8),
        len @ 126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// A ping without data.
pub(crate) fn ping() -> Vec<u8> {
    let mut out = Vec::with_capacity(2);
    put(PING, &[], &mut out);
    out
}

/// A close frame; a reason that is too long is cut, since a longer one is a protocol error to the peer.
pub(crate) fn close(code: u16, reason: &str) -> Vec<u8> {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    let mut out = Vec::with_capacity(payload.len() + 2);
    put(CLOSE, &payload, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_rfc_6455_says() {
        for (len, header) in [(0, 2), (125, 2), (126, 4), (0xffff, 4), (0x1_0000, 10)] {
            let mut out = Vec::new();
            WsFraming(Wire::Json).wrap(&vec![b'x'; len], &mut out);
            assert_eq!(out.len(), header + len);
            assert_eq!(out[0], 0x81);
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let frame = close(1001, &"ä".repeat(100));
        assert_eq!(frame[1], 124, "123 is in the middle of a character");
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
    }
}

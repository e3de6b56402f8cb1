//! WebSocket frames as a client reads and writes them.

pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// What is wrong with a stream of frames.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken(pub(super) &'static str);

/// Hands every frame that is there whole to `each`; how many bytes they were.
///
/// # Errors
///
/// On what this reader does not take: pieces of messages, and frames larger than any hub sends.
pub(super) fn read(bytes: &[u8], mut each: impl FnMut(u8, &[u8])) -> Result<usize, Broken> {
    const LARGEST: u64 = 64 << 20;
    let mut used = 0;
    loop {
        let rest = &bytes[used..];
        let &[first, second, ..] = rest else { return Ok(used) };
        if first & 0x80 == 0 || first & 0x0f == 0 {
            return Err(Broken("it sends messages in pieces"));
        }
        let (head, length) = match (second, rest) {
            (126, &[_, _, a, b, ..]) => (4, u64::from(u16::from_be_bytes([a, b]))),
            (127, &[_, _, a, b, c, d, e, f, g, h, ..]) => (10, u64::from_be_bytes([a, b, c, d, e, f, g, h])),
            (126 | 127, _) => return Ok(used),
            (128.., _) => return Err(Broken("its frames are masked")),
            (length, _) => (2, u64::from(length)),
        };
        if length > LARGEST {
            return Err(Broken("a frame is larger than 64 MiB"));
        }
        let end = head + usize::try_from(length).unwrap_or(usize::MAX);
        let Some(payload) = rest.get(head..end) else { return Ok(used) };
        each(first & 0x0f, payload);
        used += end;
    }
}

/// Appends a frame. Its mask is zero: clients have to have one, and this one leaves the bytes as they are.
pub(super) fn write(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    if let Some(length) = u8::try_from(payload.len()).ok().filter(|&length| length < 126) {
        out.push(0x80 | length);
    } else if let Ok(length) = u16::try_from(payload.len()) {
        out.push(0x80 | 126);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(0x80 | 127);
        out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::{PING, TEXT, read, write};

    /// As a server would send it: without the mask.
    fn served(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        write(opcode, payload, &mut frame);
        frame[1] &= 0x7f;
        let mask = frame.len() - payload.len() - 4;
        frame.drain(mask..mask + 4);
        frame
    }

    #[test]
    fn frames_of_all_sizes_in_whatever_pieces() {
        let payloads = [0, 1, 125, 126, 65_535, 65_536].map(|length| vec![b'x'; length]);
        let mut stream: Vec<u8> = payloads.iter().flat_map(|payload| served(TEXT, payload)).collect();
        stream.extend(served(PING, b"?"));
        for piece in [1, 7, 1000, stream.len()] {
            let (mut seen, mut rest) = (Vec::new(), Vec::new());
            for bytes in stream.chunks(piece) {
                rest.extend_from_slice(bytes);
                let used = read(&rest, |opcode, payload| seen.push((opcode, payload.len()))).unwrap();
                rest.drain(..used);
            }
            let sizes = payloads.iter().map(|payload| (TEXT, payload.len())).chain([(PING, 1)]);
            assert_eq!(seen, sizes.collect::<Vec<_>>(), "{piece}");
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn what_no_hub_sends_is_broken() {
        for bytes in
            [&[0x01, 1, b'x'][..], &[0x80, 1, b'x'], &[0x81, 0x81], &[0x81, 127, 1, 0, 0, 0, 0, 0, 0, 0]]
        {
            assert!(read(bytes, |_, _| {}).is_err(), "{bytes:?}");
        }
    }
}

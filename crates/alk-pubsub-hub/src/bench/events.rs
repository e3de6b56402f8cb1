//! Server-sent events as a client reads them, and the chunks in which HTTP sends them.

use memchr::{memchr, memmem};

use super::frames::Broken;

/// Takes the chunks off a body.
#[derive(Debug, Default)]
pub(super) enum Chunks {
    /// A length comes next.
    #[default]
    Length,
    /// So much of the chunk is still to come.
    Data(usize),
    /// The line end behind a chunk.
    End,
}

impl Chunks {
    /// Appends what the chunks hold to `body`; how many bytes were used.
    ///
    /// # Errors
    ///
    /// If these are no chunks, and at the last one: an event stream is not to end.
    pub(super) fn read(&mut self, bytes: &[u8], body: &mut Vec<u8>) -> Result<usize, Broken> {
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            match self {
                Self::Length => {
                    let Some(end) = memmem::find(rest, b"\r\n") else { return Ok(used) };
                    let digits =
                        std::str::from_utf8(&rest[..end]).ok().and_then(|line| line.split(';').next());
                    let length = digits.and_then(|digits| usize::from_str_radix(digits.trim(), 16).ok());
                    match length.ok_or(Broken("its chunks have no length"))? {
                        0 => return Err(Broken("it ended an event stream")),
                        length => *self = Self::Data(length),
                    }
                    used += end + 2;
                }
                Self::Data(missing) => {
                    let piece = rest.len().min(*missing);
                    body.extend_from_slice(&rest[..piece]);
                    used += piece;
                    *missing -= piece;
                    if *missing > 0 {
                        return Ok(used);
                    }
                    *self = Self::End;
                }
                Self::End if rest.len() < 2 => return Ok(used),
                Self::End => {
                    used += 2;
                    *self = Self::Length;
                }
            }
        }
    }
}

/// Hands the data of every event that is there whole to `each`; how many bytes they were.
pub(super) fn read(body: &[u8], mut each: impl FnMut(&[u8])) -> usize {
    let mut used = 0;
    while let Some(length) = memmem::find(&body[used..], b"\n\n") {
        let mut lines = &body[used..used + length];
        while !lines.is_empty() {
            let end = memchr(b'\n', lines).unwrap_or(lines.len());
            if let Some(data) = lines[..end].strip_prefix(b"data:") {
                each(data);
            }
            lines = lines.get(end + 1..).unwrap_or_default();
        }
        used += length + 2;
    }
    used
}

#[cfg(test)]
mod tests {
    use super::{Chunks, read};

    const BODY: &str = ": hello\n\nevent: a\ndata: one\n\nevent: b\ndata: two\n\nretry: 5\n\n";

    #[test]
    fn events_in_chunks_in_whatever_pieces() {
        let chunked: String = BODY
            .as_bytes()
            .chunks(20)
            .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), str::from_utf8(chunk).unwrap()))
            .collect();
        for piece in [1, 3, 1000] {
            let (mut chunks, mut rest, mut body) = (Chunks::default(), Vec::new(), Vec::new());
            let mut seen = String::new();
            for bytes in chunked.as_bytes().chunks(piece) {
                rest.extend_from_slice(bytes);
                let used = chunks.read(&rest, &mut body).unwrap();
                rest.drain(..used);
                let used = read(&body, |data| seen.push_str(str::from_utf8(data).unwrap()));
                body.drain(..used);
            }
            assert_eq!((seen.as_str(), body.len(), rest.len()), (" one two", 0, 0), "{piece}");
        }
    }

    #[test]
    fn a_stream_that_ends_or_is_none_is_broken() {
        for bytes in ["0\r\n\r\n", "x\r\n", "\r\n"] {
            assert!(Chunks::default().read(bytes.as_bytes(), &mut Vec::new()).is_err(), "{bytes}");
        }
    }
}

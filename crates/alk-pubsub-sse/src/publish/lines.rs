use bytes::{Bytes, BytesMut};

/// Cuts a body into lines, whatever the pieces are in which it arrives, and holds at most one line.
#[derive(Debug)]
pub(super) struct Lines {
    begun: BytesMut,
    most: usize,
    /// The number of the line that comes next, counted from one.
    next: u64,
}

/// A line is longer than allowed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Lines {
    pub(super) fn new(most: usize) -> Self {
        Self { begun: BytesMut::new(), most, next: 1 }
    }

    /// The number of the line that was read last, or in which it went wrong.
    pub(super) fn number(&self) -> u64 {
        self.next - 1
    }

    /// Takes the next line out of a piece; `None` when the piece has no end of a line any more.
    ///
    /// Lines are copies: a piece can be a large buffer, of which an event must not keep hold.
    pub(super) fn next_in(&mut self, piece: &mut Bytes) -> Result<Option<Bytes>, TooLong> {
        let end = piece.iter().position(|byte| *byte == b'\n');
        let part = piece.split_to(end.unwrap_or(piece.len()));
        if self.begun.len() + part.len() > self.most + 1 {
            self.next += 1;
            return Err(TooLong);
        }
        self.begun.extend_from_slice(&part);
        if end.is_none() {
            return Ok(None);
        }
        let _ = piece.split_to(1);
        self.finish()
    }

    /// What stands behind the last end of a line.
    pub(super) fn finish(&mut self) -> Result<Option<Bytes>, TooLong> {
        self.next += 1;
        let line = self.begun.split();
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        if line.len() > self.most {
            return Err(TooLong);
        }
        Ok(Some(Bytes::copy_from_slice(line)))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Lines, TooLong};

    /// The lines of a body that arrives in pieces of this size, and the number of the one that is too long.
    fn cut(text: &str, size: usize, most: usize) -> (Vec<String>, Option<u64>) {
        let (mut lines, mut out) = (Lines::new(most), Vec::new());
        for piece in text.as_bytes().chunks(size) {
            let mut piece = Bytes::copy_from_slice(piece);
            loop {
                match lines.next_in(&mut piece) {
                    Ok(Some(line)) => out.push(String::from_utf8(line.to_vec()).unwrap()),
                    Ok(None) => break,
                    Err(TooLong) => return (out, Some(lines.number())),
                }
            }
        }
        match lines.finish() {
            Ok(Some(rest)) if !rest.is_empty() => out.push(String::from_utf8(rest.to_vec()).unwrap()),
            Ok(_) => {}
            Err(TooLong) => return (out, Some(lines.number())),
        }
        (out, None)
    }

    #[test]
    fn pieces_make_no_difference() {
        for size in 1..12 {
            let (lines, too_long) = cut("one\r\n\ntwo\nthree", size, 5);
            assert_eq!(
                (lines.as_slice(), too_long),
                (["one", "", "two", "three"].map(String::from).as_slice(), None)
            );
        }
    }

    #[test]
    fn a_line_may_be_as_long_as_allowed_and_no_longer() {
        for size in 1..20 {
            assert_eq!(cut("12345\r\n12345", size, 5).1, None);
            assert_eq!(cut("1\n\n123456\n1", size, 5), (vec!["1".into(), String::new()], Some(3)));
            assert_eq!(cut("1\n123456", size, 5).1, Some(2));
            assert_eq!(cut("123456\r\n", size, 5).1, Some(1));
        }
    }
}

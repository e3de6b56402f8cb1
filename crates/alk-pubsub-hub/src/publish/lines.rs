//! Lines of standard input.

use std::io::{self, Read};
use std::thread;

use tokio::sync::mpsc;

/// How much is read at once.
const CHUNK: usize = 64 << 10;
/// The longest line. What is read holds one such line, and what waits is not more than a few chunks.
pub(super) const MOST: usize = 16 << 20;
/// How many batches may wait to be published.
const AHEAD: usize = 4;

/// Some lines that follow each other.
#[derive(Debug)]
pub(super) struct Batch {
    /// The number of the first line, counted from one.
    pub(super) first: u64,
    /// All end with a line feed, except perhaps the last one of all.
    pub(super) bytes: Vec<u8>,
}

/// Why there are no further lines although there should be.
#[derive(Debug)]
pub(super) enum Broken {
    TooLong(u64),
    Io(io::Error),
}

pub(super) type Batches = mpsc::Receiver<Result<Batch, Broken>>;

impl Batch {
    /// The lines with their numbers, without what ends them.
    pub(super) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let text = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        (self.first..).zip(lines)
    }
}

/// Reads standard input in a thread of its own, which ends with the input or with the process: a read cannot be stopped.
pub(super) fn stdin() -> io::Result<Batches> {
    let (sender, batches) = mpsc::channel(AHEAD);
    thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        if let Err(broken) = read(io::stdin().lock(), |batch| sender.blocking_send(Ok(batch)).is_ok()) {
            let _ = sender.blocking_send(Err(broken));
        }
    })?;
    Ok(batches)
}

/// Cuts the input into batches of lines for as long as `send` takes them.
fn read(mut input: impl Read, mut send: impl FnMut(Batch) -> bool) -> Result<(), Broken> {
    let mut bytes = Vec::new();
    let mut first = 1;
    loop {
        let begun = bytes.len();
        bytes.resize(begun + CHUNK, 0);
        let read = match input.read(&mut bytes[begun..]) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                bytes.truncate(begun);
                continue;
            }
            Err(error) => return Err(Broken::Io(error)),
        };
        bytes.truncate(begun + read);
        let line_feed = bytes[begun..].iter().rposition(|byte| *byte == b'\n');
        // No line is cut: what is behind the last line feed waits for the rest of its line.
        let rest = match line_feed {
            Some(end) => bytes.split_off(begun + end + 1),
            None if read == 0 => Vec::new(),
            None if bytes.len() > MOST => return Err(Broken::TooLong(first)),
            None => continue,
        };
        let done = read == 0;
        let batch = Batch { first, bytes: std::mem::replace(&mut bytes, rest) };
        first += batch.lines().count() as u64;
        if (!batch.bytes.is_empty() && !send(batch)) || done {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::{Broken, CHUNK, MOST, read};

    /// Gives a few bytes at a time, as a pipe may.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(buffer.len());
            self.0.read(&mut buffer[..most])
        }
    }

    fn lines_of(input: &[u8], at_a_time: usize) -> Vec<(u64, String)> {
        let mut lines = Vec::new();
        let send = |batch: super::Batch| {
            lines.extend(
                batch.lines().map(|(number, line)| (number, String::from_utf8(line.to_vec()).unwrap())),
            );
            true
        };
        read(Trickle(input, at_a_time), send).unwrap();
        lines
    }

    #[test]
    fn lines_are_the_same_in_whatever_pieces_they_come() {
        let input = b"one\n\nthree\r\nfour";
        let expected: Vec<(u64, String)> =
            (1..).zip(["one", "", "three", "four"].map(str::to_owned)).collect();
        for at_a_time in [1, 2, 3, 5, 100] {
            assert_eq!(lines_of(input, at_a_time), expected, "{at_a_time} at a time");
            let with_end = [&input[..], b"\n"].concat();
            assert_eq!(lines_of(&with_end, at_a_time), expected, "{at_a_time} at a time");
        }
        assert!(lines_of(b"", 1).is_empty());
        assert_eq!(lines_of(b"\n\n", 1), [(1, String::new()), (2, String::new())]);
    }

    #[test]
    fn a_line_that_never_ends_does() {
        let broken = read(io::repeat(b'x').take(2 * MOST as u64), |_| panic!("there is no line"));
        assert!(matches!(broken, Err(Broken::TooLong(1))));
        let mut most = 0;
        read(io::repeat(b'\n').take(4 * CHUNK as u64), |batch| {
            most = most.max(batch.bytes.len());
            true
        })
        .unwrap();
        assert!(most <= CHUNK);
    }

    #[test]
    fn nobody_wants_more() {
        let mut batches = 0;
        read(io::repeat(b'\n'), |_| {
            batches += 1;
            batches < 3
        })
        .unwrap();
        assert_eq!(batches, 3);
    }
}

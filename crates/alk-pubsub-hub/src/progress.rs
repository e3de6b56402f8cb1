//! How far it is, for somebody who watches.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// How often the line is written.
const EVERY: Duration = Duration::from_millis(200);

/// A line on a terminal that is written again and again; nothing where standard error is no terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    /// What becomes of events, as in "published".
    what: &'static str,
    begin: Instant,
    written: Option<Instant>,
    on: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str, wanted: bool) -> Self {
        Self { what, begin: Instant::now(), written: None, on: wanted && stderr().is_terminal() }
    }

    /// So many it is now.
    pub(crate) fn update(&mut self, events: u64) {
        if self.on && self.written.unwrap_or(self.begin).elapsed() >= EVERY {
            self.written = Some(Instant::now());
            let _ = write!(stderr(), "\r\x1b[K{}", self.line(events));
        }
    }

    /// Makes room for something else, which is about to be written.
    pub(crate) fn clear(&mut self) {
        if self.written.take().is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }

    /// What it came to in the end.
    pub(crate) fn finish(&mut self, events: u64) {
        self.clear();
        if std::mem::take(&mut self.on) {
            let _ = writeln!(stderr(), "{}", self.line(events));
        }
    }

    fn line(&self, events: u64) -> String {
        let time = self.begin.elapsed();
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "for reading"
        )]
        let rate = (events as f64 / time.as_secs_f64().max(0.001)) as u64;
        format!(
            "{} events {} in {:.1} s, {}/s",
            grouped(events),
            self.what,
            time.as_secs_f64(),
            grouped(rate)
        )
    }
}

/// A number that can be read: 1,234,567.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_have_groups() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}

//! Adding up what the test binaries said.

use std::fmt;

/// The sum of the `test result:` lines seen so far, and of the tests that said `skipped: …` past libtest, which counts them as
/// passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Tally {
    /// Adds what a line says, if it is one of libtest's results; any other line is none of our business.
    pub(crate) fn read_line(&mut self, line: &str) {
        if line.starts_with("skipped: ") {
            self.skipped += 1;
            return;
        }
        let Some(result) = line.trim_start().strip_prefix("test result: ") else { return };
        // "ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s"
        let counts = result.split_once(". ").map_or(result, |(_, counts)| counts);
        for count in counts.split(';') {
            let mut words = count.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {} // what was filtered out was filtered out by whoever typed the command
            }
        }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.passed += more.passed;
        self.failed += more.failed;
        self.skipped += more.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn results_add_up_and_other_lines_do_not_count() {
        let mut tally = Tally::default();
        for line in [
            "running 4 tests",
            "test a ... ok",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.00s",
            "test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s",
            "12 passed; 12 failed",
            "skipped: there is no python3",
            "test skipped: ... ok",
        ] {
            tally.read_line(line);
        }
        assert_eq!(tally, Tally { passed: 13, failed: 2, skipped: 2 });
        assert_eq!(tally.to_string(), "13 passed, 2 failed, 2 skipped");
    }
}

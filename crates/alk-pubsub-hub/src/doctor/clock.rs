use std::time::{Duration, SystemTime};

use super::finding::Finding;

/// How far a clock may be off before times in logs and tokens are hard to compare.
const SKEW: Duration = Duration::from_secs(2);

const ADVICE: &str = "Have both follow NTP: tokens expire by the hub's clock, and logs cannot be compared.";

/// Another machine's clock said so between `asked` and `answered` of ours, and says no more than so exactly.
pub(super) fn clock(
    check: &'static str,
    theirs: SystemTime,
    exactly: Duration,
    asked: SystemTime,
    answered: SystemTime,
) -> Finding {
    // As little as it can be, from what is known.
    let ahead = theirs.duration_since(answered).unwrap_or_default();
    let behind = asked.duration_since(theirs + exactly).unwrap_or_default();
    let (skew, where_to) = if ahead > behind { (ahead, "ahead of") } else { (behind, "behind") };
    if skew > SKEW {
        let message = format!("{:.1} s {where_to} this machine's clock", skew.as_secs_f64());
        return Finding::warn(check, message, ADVICE);
    }
    Finding::ok(check, format!("less than {} s from this machine's clock", SKEW.as_secs()))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::super::finding::Level;
    use super::clock;

    fn at(seconds: f64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_clock_is_off_by_no_less_than_what_is_told() {
        for (theirs, exactly, asked, answered, level, words) in [
            (100.0, 0.0, 100.0, 100.1, Level::Ok, "less than 2 s"),
            (101.9, 0.0, 100.0, 100.1, Level::Ok, "less than 2 s"),
            (102.2, 0.0, 100.0, 100.1, Level::Warn, "2.1 s ahead"),
            (97.9, 0.0, 100.0, 100.1, Level::Warn, "2.1 s behind"),
            (98.1, 0.0, 100.0, 100.1, Level::Ok, "less than 2 s"),
            // Whole seconds: it may have been almost the next.
            (97.0, 1.0, 100.0, 100.1, Level::Ok, "less than 2 s"),
            (96.9, 1.0, 100.0, 100.1, Level::Warn, "2.1 s behind"),
            // An answer that took long says little.
            (104.0, 0.0, 100.0, 105.0, Level::Ok, "less than 2 s"),
        ] {
            let finding =
                clock("clock", at(theirs), Duration::from_secs_f64(exactly), at(asked), at(answered));
            assert_eq!(finding.level, level, "{theirs}: {finding}");
            assert!(finding.to_string().contains(words), "{finding}");
        }
    }
}

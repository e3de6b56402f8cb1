use std::collections::BTreeMap;

/// Instructions for one event, by path.
pub(super) type Counts = BTreeMap<String, u64>;

/// By how many hundredths a count may grow, or shrink without being worth a word.
const TOLERANCE: u64 = 5;

#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// A line for each path.
    pub(super) lines: Vec<String>,
    /// Why it fails; empty if it does not.
    pub(super) complaints: Vec<String>,
}

/// Holds counts against those that were kept. A path that is known to one side only is a complaint: it would not be watched.
pub(super) fn compare(kept: &Counts, counted: &Counts) -> Comparison {
    let mut comparison = Comparison::default();
    for (path, &now) in counted {
        let Some(&before) = kept.get(path) else {
            comparison.complaints.push(format!("{path}: {now} instructions, and no figure is kept"));
            continue;
        };
        let change = change_in_hundredths(before, now);
        let mut line = format!("{path:<10} {before:>8} -> {now:>8}  {change:>+6.1} %");
        if now * 100 > before * (100 + TOLERANCE) {
            comparison
                .complaints
                .push(format!("{path}: grew from {before} to {now} instructions, {change:+.1} %"));
        } else if now * 100 < before * (100 - TOLERANCE) {
            line.push_str("  better: keep it with --save");
        }
        comparison.lines.push(line);
    }
    for path in kept.keys().filter(|path| !counted.contains_key(*path)) {
        comparison.complaints.push(format!("{path}: a figure is kept, and nothing counted"));
    }
    comparison
}

#[allow(clippy::cast_precision_loss, reason = "it is only shown")]
fn change_in_hundredths(before: u64, now: u64) -> f64 {
    (now as f64 / before as f64 - 1.0) * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, u64)]) -> Counts {
        counts.iter().map(|(path, count)| ((*path).to_owned(), *count)).collect()
    }

    fn complaints(kept: u64, counted: u64) -> Vec<String> {
        compare(&counts(&[("publish", kept)]), &counts(&[("publish", counted)])).complaints
    }

    #[test]
    fn growth_by_more_than_five_hundredths_fails() {
        assert!(complaints(1000, 1000).is_empty());
        assert!(complaints(1000, 1050).is_empty());
        assert_eq!(complaints(1000, 1051), ["publish: grew from 1000 to 1051 instructions, +5.1 %"]);
    }

    #[test]
    fn growth_from_nothing_fails() {
        assert!(complaints(0, 0).is_empty());
        assert_eq!(complaints(0, 1).len(), 1);
    }

    #[test]
    fn fewer_instructions_are_no_failure_and_are_pointed_out() {
        let comparison = compare(&counts(&[("parse", 1000)]), &counts(&[("parse", 900)]));
        assert!(comparison.complaints.is_empty());
        assert!(comparison.lines[0].ends_with("--save"), "{:?}", comparison.lines);
        let little = compare(&counts(&[("parse", 1000)]), &counts(&[("parse", 950)]));
        assert!(!little.lines[0].contains("--save"), "{:?}", little.lines);
    }

    #[test]
    fn what_only_one_side_knows_fails() {
        let comparison = compare(&counts(&[("old", 1)]), &counts(&[("new", 1)]));
        assert_eq!(comparison.complaints.len(), 2, "{:?}", comparison.complaints);
    }
}

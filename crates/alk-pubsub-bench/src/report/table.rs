use std::fmt::Write as _;

use super::load::Load;
use crate::comparison::{Comparison, Role};
use crate::figures::Figures;

/// A table for each metric of those that belong together: a row for each comparison, a column for each who took part.
/// Behind the figures of others stands how often ours is as good; who failed is listed behind the tables.
pub(crate) fn markdown(all: &[Comparison], load: Load) -> String {
    let mut text = String::new();
    let mut comparisons: Vec<&Comparison> = all.iter().collect();
    comparisons.sort_by_key(|comparison| comparison.metric.name);
    let mut header: Option<(&str, Vec<&str>)> = None;
    for comparison in comparisons {
        let names: Vec<&str> = comparison.participants.iter().map(|participant| participant.name).collect();
        let of_this = (comparison.metric.name, names);
        if header.as_ref() != Some(&of_this) {
            let (workload, metric) = (comparison.workload, comparison.metric);
            let columns = of_this.1.join(" | ");
            let _ = writeln!(text, "\n{workload}: {}, {} ({load})\n", metric.name, metric.unit);
            let _ = writeln!(text, "| {} | | {columns} | ours to the best peer |", comparison.axis);
            let _ = writeln!(text, "| ---: | --- |{} --- |", " --- |".repeat(of_this.1.len()));
            header = Some(of_this);
        }
        let _ = writeln!(text, "{}", row(comparison));
    }
    text + &failures(all)
}

fn failures(comparisons: &[Comparison]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for Comparison { workload, setting, axis, at, participants, .. } in comparisons {
        for participant in participants {
            let Some(why) = &participant.failed else { continue };
            let line = format!("failed: {}, {workload}, {setting}, {at} {axis}: {why}\n", participant.name);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    if lines.is_empty() { String::new() } else { "\n".to_owned() + &lines.concat() }
}

fn row(comparison: &Comparison) -> String {
    let mut row = format!("| {} | {} |", comparison.at, comparison.setting);
    for participant in &comparison.participants {
        let figures = Figures::of(participant.samples.iter().copied());
        let cell = match (figures, &participant.failed) {
            (Some(figures), _) => cell(figures),
            (None, Some(_)) => "failed".to_owned(),
            (None, None) => String::new(),
        };
        let _ = match (participant.role, comparison.ratio_to(participant)) {
            (Role::Ours, _) => write!(row, " **{cell}** |"),
            (_, Some(ratio)) => write!(row, " {cell} ×{} |", short(ratio.median)),
            (_, None) => write!(row, " {cell} |"),
        };
    }
    let ratio = comparison.ratio().map(cell).unwrap_or_default();
    let _ = write!(row, " {ratio} |");
    row
}

fn cell(Figures { median, min, max }: Figures) -> String {
    format!("{} ({}–{})", short(median), short(min), short(max))
}

/// Three digits are more than the noise allows.
fn short(number: f64) -> String {
    match number.abs() {
        large if large >= 99.95 => format!("{number:.0}"),
        middle if middle >= 9.995 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{markdown, short};
    use crate::comparison::{Better, Comparison, Metric, Participant, Role};
    use crate::report::Load;

    #[test]
    fn a_row_has_everybody_and_the_ratio() {
        let metric = Metric { name: "delivered", unit: "events/s", better: Better::More };
        let participants = vec![
            Participant { name: "peer", role: Role::Peer, samples: vec![100.0, 50.0, 200.0], failed: None },
            Participant { name: "ours", role: Role::Ours, samples: vec![300.0, 100.0, 100.0], failed: None },
            Participant {
                name: "fell",
                role: Role::Peer,
                samples: vec![],
                failed: Some("it lost".to_owned()),
            },
        ];
        let comparison = Comparison {
            workload: "A",
            metric,
            setting: "here".to_owned(),
            axis: "subscribers",
            at: 8,
            participants,
        };
        let load = Load { average: Some(0.5), cores: 2 };
        let text = markdown(&[comparison.clone(), comparison], load);
        assert_eq!(
            text,
            "\nA: delivered, events/s (2 cores, load average 0.50 at the beginning)\n\n\
             | subscribers | | peer | ours | fell | ours to the best peer |\n| ---: | --- | --- | --- | --- | --- |\n\
             | 8 | here | 100 (50.0–200) ×2.00 | **100 (100–300)** | failed | 2.00 (0.50–3.00) |\n\
             | 8 | here | 100 (50.0–200) ×2.00 | **100 (100–300)** | failed | 2.00 (0.50–3.00) |\n\
             \nfailed: fell, A, here, 8 subscribers: it lost\n"
        );
    }

    #[test]
    fn numbers_have_three_digits() {
        for (number, text) in
            [(0.126, "0.13"), (9.996, "10.0"), (12.34, "12.3"), (99.96, "100"), (1234.5, "1234")]
        {
            assert_eq!(short(number), text);
        }
    }
}

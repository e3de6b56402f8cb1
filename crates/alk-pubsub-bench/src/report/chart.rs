use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::combinators::IntoLogRange;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::{
    BLACK, ChartBuilder, Circle, Color, IntoDrawingArea, LineSeries, Palette, Palette99, PathElement,
    SVGBackend, SeriesLabelPosition, WHITE,
};

use crate::comparison::{Comparison, Role};
use crate::figures::Figures;

const SIZE: (u32, u32) = (720, 420);
/// From how many times the least on a chart goes up by factors instead of steps.
const WIDE: f64 = 50.0;

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Draws how each metric changes along its axis, for every setting in which there is more than one point.
pub(super) fn draw(folder: &Path, comparisons: &[Comparison]) -> Result<()> {
    let mut charts: BTreeMap<(&str, &str), Vec<&Comparison>> = BTreeMap::new();
    for comparison in comparisons {
        charts.entry((comparison.metric.name, &comparison.setting)).or_default().push(comparison);
    }
    for ((metric, setting), points) in charts {
        let lines = lines(&points);
        if lines.iter().any(|(_, medians)| medians.len() > 1) {
            let name = file_name(&format!("{} {metric} {setting}", points[0].workload));
            chart(&folder.join(name), points[0], &lines)
                .map_err(|error| anyhow!("cannot draw {metric}, {setting}: {error}"))?;
        }
    }
    Ok(())
}

pub(super) fn file_name(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase() + ".svg"
}

/// Who took part, and its medians along the axis.
type Line = ((&'static str, Role), Vec<(f64, f64)>);

fn lines(points: &[&Comparison]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for point in points {
        for participant in &point.participants {
            let Some(figures) = Figures::of(participant.samples.iter().copied()) else { continue };
            if !figures.median.is_finite() {
                continue;
            }
            let who = (participant.name, participant.role);
            let median = (point.at as f64, figures.median);
            match lines.iter_mut().find(|(name, _)| *name == who) {
                Some((_, medians)) => medians.push(median),
                None => lines.push((who, vec![median])),
            }
        }
    }
    lines
}

/// Across by factors, unless there is a point at nothing, which by factors is never reached.
fn chart(path: &Path, first: &Comparison, lines: &[Line]) -> Drawn {
    let (across, up) = (range(lines, |point| point.0), range(lines, |point| point.1));
    let from_nothing = 0.0..up.end * 1.05;
    let (by_factors_across, by_factors_up) = (across.start > 0.0, up.start > 0.0 && up.end > up.start * WIDE);
    let (across, up) = (across.start..across.end * 1.01, up.start / 1.2..up.end * 1.2);
    match (by_factors_across, by_factors_up) {
        (true, true) => plot(path, first, lines, across.log_scale(), up.log_scale()),
        (true, false) => plot(path, first, lines, across.log_scale(), from_nothing),
        (false, true) => plot(path, first, lines, across, up.log_scale()),
        (false, false) => plot(path, first, lines, across, from_nothing),
    }
}

fn plot<X, Y>(path: &Path, first: &Comparison, lines: &[Line], across: X, up: Y) -> Drawn
where
    X: AsRangedCoord<Value = f64, CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>>,
    Y: AsRangedCoord<Value = f64, CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>>,
{
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let title = format!("{}: {}, {}", first.workload, first.metric.name, first.setting);
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(across, up)?;
    chart.configure_mesh().x_desc(first.axis).y_desc(first.metric.unit).light_line_style(WHITE).draw()?;
    for (index, ((name, role), medians)) in lines.iter().enumerate() {
        let style = Palette99::pick(index).stroke_width(if *role == Role::Ours { 3 } else { 1 });
        chart.draw_series(medians.iter().map(|&point| Circle::new(point, 3, style.filled())))?;
        chart
            .draw_series(LineSeries::new(medians.iter().copied(), style))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    area.present()?;
    Ok(())
}

fn range(lines: &[Line], of: impl Fn(&(f64, f64)) -> f64) -> Range<f64> {
    let all = lines.iter().flat_map(|(_, medians)| medians).map(of);
    let (least, most) = all.fold((f64::MAX, f64::MIN), |(least, most), at| (least.min(at), most.max(at)));
    least..most
}

#[cfg(test)]
mod tests {
    use super::{draw, file_name};
    use crate::comparison::{Better, Comparison, Metric, Participant, Role};

    #[test]
    fn names_of_files_are_plain() {
        assert_eq!(file_name("B memory of a topic 2 workers: 1"), "b-memory-of-a-topic-2-workers-1.svg");
    }

    #[test]
    fn a_chart_with_a_point_at_nothing_or_with_one_that_failed_is_drawn() {
        let participant = |name, role, sample: Option<f64>| Participant {
            name,
            role,
            samples: sample.into_iter().collect(),
            failed: None,
        };
        let point = |setting: &str, at, peer| Comparison {
            workload: "B",
            metric: Metric { name: "speed", unit: "k/s", better: Better::More },
            setting: setting.to_owned(),
            axis: "topics",
            at,
            participants: vec![
                participant("the peer", Role::Peer, peer),
                participant("our own", Role::Ours, Some(3.0)),
            ],
        };
        let folder = std::env::temp_dir().join(format!("alk-pubsub-bench-charts-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let all = [
            point("steps", 0, Some(2.0)),
            point("steps", 1000, Some(1.0)),
            point("factors", 1, Some(2.0)),
            point("factors", 1000, Some(2000.0)),
            point("fell", 1, Some(2.0)),
            point("fell", 10, None),
            point("alone", 1, Some(2.0)),
        ];
        draw(&folder, &all).expect("drawn");
        for setting in ["steps", "factors", "fell"] {
            let svg = std::fs::read_to_string(folder.join(format!("b-speed-{setting}.svg"))).expect(setting);
            assert!(svg.contains("the peer") && svg.contains("our own"), "{setting}");
        }
        assert!(!folder.join("b-speed-alone.svg").exists());
        std::fs::remove_dir_all(&folder).expect("it was made");
    }
}

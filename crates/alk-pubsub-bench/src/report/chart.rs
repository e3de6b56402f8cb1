use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::combinators::IntoLogRange;
use plotters::prelude::{
    BLACK, ChartBuilder, Circle, Color, IntoDrawingArea, LineSeries, Palette, Palette99, PathElement,
    SVGBackend, SeriesLabelPosition, WHITE,
};

use crate::comparison::{Comparison, Role};
use crate::figures::Figures;

const SIZE: (u32, u32) = (720, 420);

/// Draws how each metric changes along its axis, for every setting in which there is more than one point.
pub(super) fn draw(folder: &Path, comparisons: &[Comparison]) -> Result<()> {
    let mut charts: BTreeMap<(&str, &str), Vec<&Comparison>> = BTreeMap::new();
    for comparison in comparisons {
        charts.entry((comparison.metric.name, &comparison.setting)).or_default().push(comparison);
    }
    for ((metric, setting), points) in charts {
        let logarithmic = points.iter().all(|point| point.at > 0);
        if points.len() > 1 && logarithmic {
            let name = file_name(&format!("{} {metric} {setting}", points[0].workload));
            chart(&folder.join(name), &points)
                .map_err(|error| anyhow!("cannot draw {metric}, {setting}: {error}"))?;
        }
    }
    Ok(())
}

fn file_name(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase() + ".svg"
}

fn chart(path: &Path, points: &[&Comparison]) -> Result<(), Box<dyn std::error::Error>> {
    let first = points[0];
    let (across, up) = ranges(points);
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let title = format!("{}: {}, {}", first.workload, first.metric.name, first.setting);
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(across.log_scale(), up)?;
    chart.configure_mesh().x_desc(first.axis).y_desc(first.metric.unit).light_line_style(WHITE).draw()?;
    for (index, participant) in first.participants.iter().enumerate() {
        let width = if participant.role == Role::Ours { 3 } else { 1 };
        let style = Palette99::pick(index).stroke_width(width);
        let medians: Vec<(f64, f64)> = points
            .iter()
            .filter_map(|point| {
                let samples = &point.participants.iter().find(|one| one.name == participant.name)?.samples;
                Some((point.at as f64, Figures::of(samples.iter().copied())?.median))
            })
            .collect();
        chart.draw_series(medians.iter().map(|&point| Circle::new(point, 3, style.filled())))?;
        chart
            .draw_series(LineSeries::new(medians, style))?
            .label(participant.name)
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

/// Across as far as there are points, up from nothing.
fn ranges(points: &[&Comparison]) -> (Range<f64>, Range<f64>) {
    let ats = points.iter().map(|point| point.at as f64);
    let (least, most) = ats.fold((f64::MAX, 0.0_f64), |(least, most), at| (least.min(at), most.max(at)));
    let samples = points.iter().flat_map(|point| &point.participants).flat_map(|one| &one.samples);
    let top = samples.copied().fold(0.0, f64::max);
    (least..most * 1.01, 0.0..top * 1.05)
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn names_of_files_are_plain() {
        assert_eq!(file_name("B memory of a topic 2 workers: 1"), "b-memory-of-a-topic-2-workers-1.svg");
    }
}

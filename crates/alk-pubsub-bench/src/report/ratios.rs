use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::combinators::IntoLogRange;
use plotters::prelude::{
    BLACK, ChartBuilder, Circle, Color, GREEN, IntoDrawingArea, PathElement, RED, SVGBackend, Text, WHITE,
};

use super::chart::file_name;
use crate::comparison::Comparison;
use crate::figures::Figures;

const WIDTH: u32 = 820;
const ROW: u32 = 22;
/// Where the ratios begin, as a part of the width: left of it is what they are of.
const LABELS: u32 = 470;

/// Draws how often ours is as good as the best peer, for all that a workload has: a dot for the median, a line from the lowest
/// to the highest.
pub(super) fn draw(folder: &Path, comparisons: &[Comparison]) -> Result<()> {
    let rows: Vec<(String, Figures)> = comparisons.iter().filter_map(row).collect();
    let Some(first) = comparisons.first().filter(|_| !rows.is_empty()) else { return Ok(()) };
    let path = folder.join(file_name(&format!("{} ratios", first.workload)));
    chart(&path, first.workload, &rows).map_err(|error| anyhow!("cannot draw the ratios: {error}"))
}

fn row(comparison: &Comparison) -> Option<(String, Figures)> {
    let Comparison { metric, setting, axis, at, .. } = comparison;
    // Beside nothing at all anything is without bounds, and has no place on a chart.
    let drawable = |ratio: &Figures| ratio.min > 0.0 && ratio.max.is_finite();
    Some((format!("{}, {setting}, {at} {axis}", metric.name), comparison.ratio().filter(drawable)?))
}

fn chart(path: &Path, workload: &str, rows: &[(String, Figures)]) -> Result<(), Box<dyn std::error::Error>> {
    let count = u32::try_from(rows.len())?;
    let area = SVGBackend::new(path, (WIDTH, ROW * count + 90)).into_drawing_area();
    area.fill(&WHITE)?;
    let least = rows.iter().map(|(_, ratio)| ratio.min).fold(0.5, f64::min) / 1.1;
    let most = rows.iter().map(|(_, ratio)| ratio.max).fold(2.0, f64::max) * 1.1;
    let mut chart = ChartBuilder::on(&area)
        .caption(
            format!("{workload}: ours to the best peer, lowest, median and highest of the rounds"),
            ("sans-serif", 16),
        )
        .margin(8)
        .margin_left(LABELS)
        .x_label_area_size(30)
        .build_cartesian_2d((least..most).log_scale(), f64::from(count)..0.0)?;
    chart.configure_mesh().disable_y_mesh().disable_y_axis().light_line_style(WHITE).draw()?;
    chart.draw_series([PathElement::new([(1.0, 0.0), (1.0, f64::from(count))], BLACK.stroke_width(2))])?;
    for (at, (label, Figures { median, min, max })) in rows.iter().enumerate() {
        let middle = at as f64 + 0.5;
        let colour = if *median < 1.0 { RED } else { GREEN };
        chart.draw_series([PathElement::new([(*min, middle), (*max, middle)], colour.stroke_width(2))])?;
        chart.draw_series([Circle::new((*median, middle), 4, colour.filled())])?;
        let (_, y) = chart.backend_coord(&(1.0, middle));
        area.draw(&Text::new(label.clone(), (8, y - 6), ("sans-serif", 12)))?;
    }
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::row;
    use crate::comparison::{Better, Comparison, Metric, Participant, Role};

    #[test]
    fn what_has_no_bounds_is_not_drawn() {
        let participant =
            |role, sample| Participant { name: "one", role, samples: vec![sample], failed: None };
        for (peer, ours, drawn) in [(2.0, 1.0, true), (0.0, 1.0, false), (1.0, 0.0, false), (0.0, 0.0, false)]
        {
            let comparison = Comparison {
                workload: "D",
                metric: Metric { name: "delivered", unit: "k/s", better: Better::More },
                setting: String::new(),
                axis: "listeners",
                at: 1,
                participants: vec![participant(Role::Peer, peer), participant(Role::Ours, ours)],
            };
            assert_eq!(row(&comparison).is_some(), drawn, "{peer} {ours}");
        }
    }
}

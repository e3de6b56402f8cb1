use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::load::Load;
use super::{chart, ratios};
use crate::comparison::{Comparison, Role};
use crate::figures::Figures;
use crate::plan::Plan;

/// Writes the figures of one workload as JSON, and its charts.
///
/// # Errors
///
/// If the folder cannot be written to.
pub(crate) fn write(folder: &Path, comparisons: &[Comparison], plan: Plan, load: Load) -> Result<()> {
    let Some(first) = comparisons.first() else { return Ok(()) };
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let all: Vec<Value> = comparisons.iter().map(value).collect();
    let document = json!({
        "workload": first.workload,
        "rounds": plan.rounds,
        "quick": plan.quick,
        "cores": load.cores,
        "load_average": load.average,
        "comparisons": all,
    });
    let path = folder.join(format!("{}.json", first.workload.to_lowercase()));
    let text = serde_json::to_string_pretty(&document)? + "\n";
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    ratios::draw(folder, comparisons)?;
    chart::draw(folder, comparisons)
}

fn value(comparison: &Comparison) -> Value {
    let Comparison { workload: _, metric, setting, axis, at, participants } = comparison;
    let figures = |figures: Option<Figures>| figures.map(in_json);
    let participants: Vec<Value> = participants
        .iter()
        .map(|participant| {
            let beside = comparison.ratio_to(participant).filter(|_| participant.role != Role::Ours);
            let samples: Vec<f64> = participant.samples.iter().copied().map(rounded).collect();
            json!({
                "name": participant.name,
                "role": format!("{:?}", participant.role).to_lowercase(),
                "samples": samples,
                "failed": participant.failed,
                "ours_to_it": figures(beside),
            })
        })
        .collect();
    json!({
        "metric": metric.name,
        "unit": metric.unit,
        "setting": setting,
        "axis": axis,
        "at": at,
        "participants": participants,
        "best_peer": comparison.best_peer().map(|peer| peer.name),
        "ratio": figures(comparison.ratio()),
    })
}

fn in_json(Figures { median, min, max }: Figures) -> Value {
    json!({"median": rounded(median), "min": rounded(min), "max": rounded(max)})
}

/// Four digits are more than the noise allows.
fn rounded(number: f64) -> f64 {
    format!("{number:.3e}").parse().unwrap_or(number)
}

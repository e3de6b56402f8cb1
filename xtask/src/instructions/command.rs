use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::callgrind;
use super::growth::{Counts, compare};
use crate::cargo;

/// Where the figures are kept.
const KEPT: &str = "crates/alk-pubsub-bench/instructions.json";
/// What `single-event` can do.
const PATHS: [&str; 3] = ["publish", "relay", "parse"];

/// Count the instructions of one event on each path, and fail if one has grown by more than 5 %.
///
/// Counts come from callgrind, a tool of valgrind. They are the same in every run, whatever else the machine does; another
/// compiler or processor gives other ones.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Keep what is counted now, for later runs to be held against.
    #[arg(long)]
    save: bool,
}

/// Builds the program, counts, compares.
pub(crate) fn run(args: &Args) -> Result<()> {
    callgrind::installed()?;
    let root = cargo::root()?;
    let mut build = cargo::resolving(&root, "build");
    build.args(["--release", "--package", "alk-pubsub-bench", "--bin", "single-event"]);
    let status = build.status().with_context(|| format!("cannot start {}", cargo::shown(&build)))?;
    if !status.success() {
        bail!("{} failed ({status})", cargo::shown(&build));
    }
    let folder = cargo::target_folder(&root)?.join("release");
    let mut counted = Counts::new();
    for path in PATHS {
        counted.insert(path.to_owned(), callgrind::instructions_per_event(&folder, path)?);
    }
    let file = root.join(KEPT);
    if args.save {
        save(&file, &counted)?;
        for (path, count) in &counted {
            println!("{path:<10} {count:>8}");
        }
        println!("kept in {KEPT}");
        return Ok(());
    }
    let comparison = compare(&kept(&file)?, &counted);
    for line in &comparison.lines {
        println!("{line}");
    }
    if !comparison.complaints.is_empty() {
        bail!(
            "{}\nIf it is worth that, `cargo xtask instructions --save` keeps the new figures; say why in the commit.",
            comparison.complaints.join("\n")
        );
    }
    Ok(())
}

fn kept(file: &Path) -> Result<Counts> {
    let text = fs::read_to_string(file)
        .with_context(|| format!("{KEPT} cannot be read; `cargo xtask instructions --save` makes it"))?;
    serde_json::from_str(&text).with_context(|| format!("{KEPT} does not hold counts"))
}

fn save(file: &Path, counts: &Counts) -> Result<()> {
    let text = serde_json::to_string_pretty(counts)? + "\n";
    fs::write(file, text).with_context(|| format!("cannot write {KEPT}"))
}

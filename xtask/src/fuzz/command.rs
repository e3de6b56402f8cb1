//! The command itself: what is needed, which targets there are, in which order.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use toml::Table;

use super::session::{Outcome, Session};
use crate::cargo::{self, stdout_of};

/// Feed the parsers, the codecs and the connection state machine with random input, and stop at what breaks them.
///
/// Needs a nightly compiler and cargo-fuzz; says how to get them where they are missing. What is found worth keeping on
/// the way is kept below the target folder, and the next run begins with it. The corpus in `fuzz/corpus`, a little of
/// everything, is where the first run begins.
///
/// A line for each target at the end says how many inputs were tried and how many places in the code they reached. The
/// command fails if one of them broke something, and names the file that holds the input.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask fuzz --seconds 600            ten minutes for each target
  cargo xtask fuzz --seconds 60 machine     one target")]
pub(crate) struct Args {
    /// How long each target runs, beside the time it takes to build.
    #[arg(long, default_value_t = 60, value_name = "N")]
    seconds: u32,

    /// The targets to run; all, if none is named.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
}

/// Runs the targets; an error says which of them broke something, or what is missing.
pub(crate) fn run(args: &Args) -> Result<()> {
    let root = cargo::root()?;
    let all = targets(&root)?;
    let chosen = choose(&all, &args.targets)?;
    is_installed()?;

    let mut outcomes: Vec<(&str, Outcome)> = Vec::new();
    for target in chosen {
        println!("{target}: {} seconds", args.seconds);
        let outcome = Session::new(&root, target, args.seconds)?.run()?;
        outcomes.push((target, outcome));
    }
    for (target, outcome) in &outcomes {
        println!("{target:<10} {outcome}");
    }
    match outcomes.iter().filter(|(_, outcome)| outcome.broke.is_some()).count() {
        0 => Ok(()),
        broken => bail!("targets with an input that breaks something: {broken}"),
    }
}

/// The targets that the manifest names.
fn targets(root: &Path) -> Result<Vec<String>> {
    let path = root.join("fuzz/Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest: Table = text.parse().with_context(|| format!("cannot read {}", path.display()))?;
    let bins = manifest.get("bin").and_then(toml::Value::as_array).context("there are no fuzz targets")?;
    let name = |bin: &toml::Value| bin.get("name")?.as_str().map(str::to_owned);
    Ok(bins.iter().filter_map(name).collect())
}

fn choose<'a>(all: &'a [String], chosen: &'a [String]) -> Result<&'a [String]> {
    if let Some(unknown) = chosen.iter().find(|target| !all.contains(target)) {
        bail!("there is no fuzz target `{unknown}`, only {}", all.join(", "));
    }
    Ok(if chosen.is_empty() { all } else { chosen })
}

/// Says what to do where something is missing.
fn is_installed() -> Result<()> {
    let mut nightly = Command::new("rustup");
    nightly.args(["run", "nightly", "rustc", "--version"]);
    stdout_of(nightly)
        .context("fuzzing needs a nightly compiler: `rustup toolchain install nightly --profile minimal`")?;
    let mut fuzz = Command::new("cargo");
    fuzz.args(["fuzz", "--version"]);
    stdout_of(fuzz).context("fuzzing needs cargo-fuzz: `cargo install --locked cargo-fuzz`")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{choose, targets};
    use crate::cargo;

    #[test]
    fn every_target_is_a_file_and_has_a_corpus() {
        let root = cargo::root().unwrap();
        let targets = targets(&root).unwrap();
        assert!(!targets.is_empty());
        for target in targets {
            assert!(root.join(format!("fuzz/targets/{target}.rs")).is_file(), "{target}");
            let corpus = root.join(format!("fuzz/corpus/{target}")).read_dir();
            assert!(corpus.unwrap().count() > 0, "{target}");
        }
    }

    #[test]
    fn a_target_that_is_not_there_is_named() {
        let all = ["a".to_owned(), "b".to_owned()];
        assert_eq!(choose(&all, &[]).unwrap(), &all);
        assert_eq!(choose(&all, &all[1..]).unwrap(), &all[1..]);
        let error = choose(&all, &["c".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "there is no fuzz target `c`, only a, b");
    }
}

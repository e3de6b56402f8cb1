//! What attacks cost the hub.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::cargo;

/// Attack the hub in every way that its tests know, one after the other, and print what each cost it at most and for how
/// long.
///
/// The hub is the release build. Fails if an attack costs more than it may, or if the hub serves others worse for it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only those with this in their name.
    only: Option<String>,
}

/// Prints the table as it comes.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut command = cargo::resolving(&cargo::root()?, "test");
    command.args(["--release", "--package", "alk-pubsub-hub", "--test", "attacks", "--"]);
    // One at a time: their memory is measured.
    command.args(["--test-threads", "1", "--nocapture"]).args(&args.only);
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    println!(
        "| attack | tries | most extra memory | ended by | from its beginning until all is freed | after the last byte |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for line in BufReader::new(child.stdout.take().context("cargo has no stdout")?).lines() {
        // Behind the name of its test.
        if let Some((_, row)) = line?.split_once("| ") {
            println!("| {row}");
        }
    }
    if !child.wait()?.success() {
        bail!("an attack did more harm than it may; what is above says which");
    }
    Ok(())
}

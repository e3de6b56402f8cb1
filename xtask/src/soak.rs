//! `cargo xtask soak`: hubs under faults for as long as one likes.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo;
use crate::test::locate_redis;

/// Run two hubs over Redis with hundreds of clients that come and go, kill servers at random, and check of every event that
/// each subscriber got it once and in order, or was told of a gap.
///
/// Says how it goes every half minute. Fails, with the evidence, when an event was lost in silence, came twice or out of
/// order, when a hub ends by itself or panics, when its memory, descriptors, threads or tasks grow, or when too little
/// happened to show anything. What is promised is in docs/delivery.md, what is checked in
/// docs/reliability.md.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long it runs, at least 2.
    #[arg(long, default_value_t = 2, value_name = "N")]
    minutes: u64,

    /// What the choices of clients and faults follow from, as an earlier run printed it.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
}

/// Builds what is needed and runs it; an error says that it failed, which it has explained itself.
pub(crate) fn run(args: &Args) -> Result<()> {
    let root = cargo::root()?;
    let server = locate_redis(true)?;
    let mut build = cargo::resolving(&root, "build");
    build.args(["--package", "alk-pubsub-hub", "--package", "alk-pubsub-soak"]);
    if !build.status().context("cannot start cargo")?.success() {
        bail!("the hub does not build");
    }
    let programs = cargo::target_folder(&root)?.join("debug");
    let mut soak = Command::new(programs.join("alk-pubsub-soak"));
    soak.arg("--hub").arg(programs.join("alk-hub")).args(["--minutes", &args.minutes.to_string()]);
    soak.arg("--logs").arg(cargo::target_folder(&root)?.join("soak"));
    if let Some(seed) = args.seed {
        soak.args(["--seed", &seed.to_string()]);
    }
    soak.env("ALK_REDIS_SERVER", server);
    if !soak.status().context("cannot start the soak")?.success() {
        bail!("the soak failed: see above");
    }
    Ok(())
}

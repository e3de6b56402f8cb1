use std::ffi::OsString;

use anyhow::{Context, Result, bail};

use crate::cargo;

/// Measure alk-pubsub beside what one would take for it, in a release build, and print the table.
///
/// Run it while nothing else runs. Those who are measured take turns; what counts are the ratios in the last column.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench A                  fan-out within a process
  cargo xtask bench --quick            everything, a tenth of it, to see that it runs
  cargo xtask bench --out docs/benchmarks    everything; figures and charts of the documents
  cargo xtask bench growth --axis topics   what a publish costs with ever more topics
  cargo xtask bench micro              single steps, by divan
  cargo xtask bench micro parse        those with that in their name
  cargo xtask bench --help-workloads   what there is to measure")]
pub(crate) struct Args {
    /// Say what there is to measure, and how.
    #[arg(long)]
    help_workloads: bool,

    /// Workloads and options, as `--help-workloads` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORKLOAD")]
    rest: Vec<OsString>,
}

/// The benchmarks of single steps, which are no workload.
const MICRO: Option<&str> = Some("micro");

/// Builds and runs the program that measures.
pub(crate) fn run(args: &Args) -> Result<()> {
    let root = cargo::root()?;
    if let Some((MICRO, rest)) = args.rest.split_first().map(|(first, rest)| (first.to_str(), rest)) {
        let mut micro = cargo::resolving(&root, "bench");
        micro.args(["--package", "alk-pubsub-bench", "--bench", "hot_paths", "--"]).args(rest);
        return succeed(micro);
    }
    let mut build = cargo::resolving(&root, "build");
    build.args(["--release", "--bins", "--package", "alk-pubsub-bench", "--package", "alk-pubsub-hub"]);
    succeed(build)?;
    // The other programs lie beside it.
    let mut measure = cargo::resolving(&root, "run");
    measure.args(["--quiet", "--release", "--package", "alk-pubsub-bench", "--"]).args(&args.rest);
    if args.help_workloads {
        measure.arg("--help");
    }
    succeed(measure)
}

fn succeed(mut command: std::process::Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", cargo::shown(&command)))?;
    if !status.success() {
        bail!("{} failed ({status})", cargo::shown(&command));
    }
    Ok(())
}

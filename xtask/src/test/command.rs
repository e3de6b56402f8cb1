//! The command itself: find a server, run cargo, add up, judge.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use super::matrix::{self, Matrix};
use super::peers;
use super::redis_server;
use super::tally::Tally;
use crate::cargo;
use crate::workspace::Workspace;

/// Run every test of the workspace, those that need a Redis server included.
///
/// Tests that need Redis start servers of their own on free ports, so all that is needed is the binary: a
/// `redis-server` or `valkey-server` on PATH, or the one that the environment variable ALK_REDIS_SERVER names. If there
/// is none it is installed with the machine's package manager (apt-get, dnf, apk, pacman or brew; through sudo where
/// that is needed).
///
/// Tests with programs of others get Python's `websockets` and Node's `ws` in a folder below the target folder. Where Python 3, Node
/// or npm is missing it is installed in the same way.
///
/// A table says which target keeps which promise; then the schedules of a few threads are tried, with loom.
///
/// The last line says how many tests passed, failed and were skipped. The command fails if any test failed, if any was
/// skipped, and if there was none to run.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask test                            everything
  cargo xtask test -- -p alk-pubsub-core      the tests of one crate
  cargo xtask test -- gap -- --nocapture      tests with `gap` in their name, with what they print")]
pub(crate) struct Args {
    /// Fail, and say what to do, instead of installing a Redis server, Python or Node.
    #[arg(long)]
    no_install: bool,

    /// Passed on to `cargo test`.
    #[arg(last = true, value_name = "CARGO TEST ARGS")]
    rest: Vec<String>,
}

/// Runs the tests; an error is the reason why the command fails.
pub(crate) fn run(args: &Args) -> Result<()> {
    let server = redis_server::locate(!args.no_install)?;
    println!("tests that need Redis start {}", server.display());

    let mut command = cargo_test(args)?;
    command.env(redis_server::VARIABLE, server);
    // Without this a test that finds no server says so and passes; here it has to fail.
    command.env("ALK_REQUIRE_SERVERS", "1");

    let root = cargo::root()?;
    if is_wanted(args, "alk-pubsub-ws-client") {
        peers::provide(&mut command, &cargo::target_folder(&root)?, !args.no_install);
    }
    let results = matrix::folder(&root)?;
    command.env(matrix::VARIABLE, &results);

    let (mut tally, status) = stream(command)?;
    let mut succeeded = status.success();
    if args.rest.is_empty() {
        println!("\nschedules of threads, with loom");
        let (models, status) = stream(schedules(&root)?)?;
        tally += models;
        succeeded &= status.success() && models.passed > 0;
    }
    let kept = Matrix::read(&results)?;
    kept.print(&results)?;
    println!("{tally}");
    judge(tally, succeeded)?;
    if args.rest.is_empty() { kept.is_complete(&Workspace::load()?) } else { Ok(()) }
}

/// The models in alk-pubsub-core, which need a build of their own.
fn schedules(root: &Path) -> Result<Command> {
    let mut command = cargo::resolving(root, "test");
    command.args(["--package", "alk-pubsub-core", "--lib", "schedules::"]);
    command.arg("--target-dir").arg(cargo::target_folder(root)?.join("loom"));
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    command.env("RUSTFLAGS", format!("{flags} --cfg loom"));
    Ok(command)
}

fn cargo_test(args: &Args) -> Result<Command> {
    let mut command = cargo::resolving(&cargo::root()?, "test");
    command.args(["--all-features", "--no-fail-fast"]);
    // Cargo takes `--workspace` to mean everything, whatever `-p` says.
    if !for_cargo(args).any(|arg| is_choice(arg)) {
        command.arg("--workspace");
    }
    command.args(&args.rest);
    Ok(command)
}

fn for_cargo(args: &Args) -> impl Iterator<Item = &String> {
    args.rest.iter().take_while(|arg| *arg != "--")
}

/// Whether an argument chooses a package.
fn is_choice(arg: &str) -> bool {
    arg.starts_with("-p") || arg.starts_with("--package")
}

/// Whether the tests of this package are to run.
fn is_wanted(args: &Args, package: &str) -> bool {
    !for_cargo(args).any(|arg| is_choice(arg)) || for_cargo(args).any(|arg| arg.ends_with(package))
}

/// Runs the command, hands its output on as it comes and adds up the results in it.
fn stream(mut command: Command) -> Result<(Tally, ExitStatus)> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let mut tests = BufReader::new(child.stdout.take().context("cargo has no stdout")?);
    let mut tally = Tally::default();
    let mut line = Vec::new();
    let mut out = io::stdout();
    while tests.read_until(b'\n', &mut line)? > 0 {
        out.write_all(&line)?;
        tally.read_line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    out.flush()?;
    Ok((tally, child.wait()?))
}

fn judge(tally: Tally, cargo_succeeded: bool) -> Result<()> {
    match tally {
        Tally { failed: 1.., .. } => bail!("failed tests: {}", tally.failed),
        _ if !cargo_succeeded => bail!("cargo test failed, though no test did: see its last lines above"),
        Tally { skipped: 1.., .. } => {
            bail!("skipped tests: {}; here every test has to run", tally.skipped)
        }
        Tally { passed: 0, .. } => bail!("no test ran"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tally::Tally;
    use super::{Args, cargo_test, is_wanted, judge};
    use crate::cargo::shown;

    #[test]
    fn only_a_run_in_which_everything_ran_and_passed_is_a_success() {
        let good = Tally { passed: 3, failed: 0, skipped: 0 };
        assert!(judge(good, true).is_ok());
        assert!(judge(good, false).is_err(), "a binary that crashes prints no result");
        assert!(judge(Tally { failed: 1, ..good }, false).is_err());
        assert!(judge(Tally { skipped: 1, ..good }, true).is_err());
        assert!(judge(Tally::default(), true).is_err());
    }

    #[test]
    fn peers_are_provided_where_they_are_needed() {
        let wanted = |rest: &[&str]| {
            let args = Args { no_install: false, rest: rest.iter().map(|&arg| arg.to_owned()).collect() };
            is_wanted(&args, "alk-pubsub-ws-client")
        };
        assert!(wanted(&[]) && wanted(&["gap"]) && wanted(&["-p", "alk-pubsub-ws-client"]));
        assert!(wanted(&["--package=alk-pubsub-ws-client"]));
        assert!(!wanted(&["-p", "alk-pubsub-core"]));
    }

    #[test]
    fn arguments_are_passed_on_and_a_chosen_package_is_respected() {
        let with = |rest: &[&str]| {
            let args = Args { no_install: false, rest: rest.iter().map(|&arg| arg.to_owned()).collect() };
            shown(&cargo_test(&args).unwrap())
        };
        assert!(with(&[]).ends_with("--all-features --no-fail-fast --workspace"));
        assert!(with(&["gap", "--", "-p"]).ends_with("--no-fail-fast --workspace gap -- -p"));
        assert!(with(&["-p", "alk-pubsub-core"]).ends_with("--no-fail-fast -p alk-pubsub-core"));
    }
}

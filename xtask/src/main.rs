//! The workspace's own commands, run as `cargo xtask <command>`.
//!
//! A command is a folder (or a file) of this crate with an `Args` and a `run`; adding one is adding a variant to
//! [`Command`]. What is checked here is checked nowhere else: the continuous integration calls these very commands.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its user by printing")]

mod attack;
mod bench;
mod cargo;
mod check;
mod fuzz;
mod instructions;
mod redis;
mod soak;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The workspace's own commands.
///
/// Run `cargo xtask test` and `cargo xtask check` before you send a change: together they are everything that the
/// continuous integration will look at.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Attack(attack::Args),
    Test(test::Args),
    Check(check::Args),
    Tidy(tidy::Args),
    Redis(redis::Args),
    Fuzz(fuzz::Args),
    Soak(soak::Args),
    Bench(bench::Args),
    Instructions(instructions::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Attack(args) => attack::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Tidy(args) => tidy::run(&args),
        Command::Redis(args) => redis::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Instructions(args) => instructions::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

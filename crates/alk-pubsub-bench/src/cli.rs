use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures alk-pubsub beside its peers, and prints a table.
#[derive(Debug, Parser)]
#[command(name = "alk-pubsub-bench", bin_name = "cargo xtask bench", max_term_width = 120)]
pub(crate) struct Cli {
    /// What to measure; A to W, if nothing is named
    #[arg(value_enum, ignore_case = true)]
    pub(crate) workloads: Vec<Workload>,

    /// How many turns each peer has
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,

    /// A tenth of the work, to see that it runs: its figures say little
    #[arg(long)]
    pub(crate) quick: bool,

    /// Along what `growth` measures; along everything, if nothing is named
    #[arg(long, value_enum, value_delimiter = ',', value_name = "AXES")]
    pub(crate) axis: Vec<Axis>,

    /// Where the figures (JSON) and the charts (SVG) go; without it they are only printed
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Workload {
    /// Fan-out within a process
    A,
    /// Many topics within a process
    B,
    /// Through a Redis server
    C,
    /// Fan-out to WebSockets, by a hub
    D,
    /// Fan-out to streams of server-sent events, by a hub
    E,
    /// Workers: threads and processes
    W,
    /// What one delivery, publish or connection costs when there are ever more of them
    Growth,
}

impl Workload {
    /// Those that are measured when none is named.
    pub(crate) const USUAL: [Self; 6] = [Self::A, Self::B, Self::C, Self::D, Self::E, Self::W];
}

/// What there is ever more of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Axis {
    /// Of one topic within a process
    Subscribers,
    /// Within a process
    Topics,
    /// Bytes of an event, over WebSockets
    Payload,
    /// WebSockets of one topic
    Connections,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}

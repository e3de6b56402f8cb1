use anyhow::Result;
use clap::{Parser, ValueEnum};

use super::{parse, publish, relay};

/// Takes one event after the other along one path.
#[derive(Debug, Parser)]
#[command(name = "single-event", max_term_width = 120)]
struct Cli {
    #[arg(value_enum)]
    path: Path,

    /// How many events
    events: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Path {
    /// A publish in process to one subscriber, who waits for it
    Publish,
    /// From the bytes of a Redis message to bytes for one WebSocket
    Relay,
    /// Reading a frame of 200 bytes from a peer
    Parse,
}

/// The program `single-event`.
///
/// # Errors
///
/// An event was lost.
pub fn run() -> Result<()> {
    let Cli { path, events } = Cli::parse();
    match path {
        Path::Publish => publish::publish(events),
        Path::Relay => relay::relay(events),
        Path::Parse => parse::parse(events),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_brings_its_events() {
        publish::publish(300).unwrap();
        relay::relay(300).unwrap();
        parse::parse(300).unwrap();
    }
}

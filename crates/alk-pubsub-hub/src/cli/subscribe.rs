use std::num::NonZeroU64;
use std::time::Duration;

use alk_pubsub::Interest;
use clap::Args;

use super::remote::RemoteArgs;

const EXAMPLES: &str = "\
Examples:
  alk-hub sub session.status:p1                          one topic
  alk-hub sub session.status message.updated             all ids of two types
  alk-hub sub '*' --pretty                               everything, for reading
  alk-hub sub greeting --count 1 --timeout 5s            wait for one event, but not longer than that
  alk-hub sub n:all --count 1000000 | jq .payload        the payloads alone

Events are written to standard output as envelopes {\"type\":…,\"id\":…,\"payload\":…}, one a line. What was missed, and when the
connection was lost and is back, is written to standard error.

It ends with 0 when it has the events that --count asks for; without --count also at Ctrl-C, at --timeout, and when nobody
reads its output any more. It ends with 1 when --count was not reached, or when there is nothing to listen to.";

/// The options of `alk-hub sub`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct SubArgs {
    /// What to listen to: a topic (session.status:p1), a type (session.status), or everything ('*')
    #[arg(value_name = "TOPIC", required = true, value_parser = interest)]
    pub topics: Vec<Interest>,

    /// End after so many events
    #[arg(long, env = "ALK_HUB_COUNT", value_name = "N")]
    pub count: Option<NonZeroU64>,

    /// End after so long, as in 500ms or 1m, counted from when it listens
    #[arg(long, env = "ALK_HUB_TIMEOUT", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub timeout: Option<Duration>,

    /// Write each event indented, on several lines
    #[arg(long, env = "ALK_HUB_PRETTY")]
    pub pretty: bool,

    /// Whom to talk to.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

fn interest(text: &str) -> Result<Interest, String> {
    text.parse().map_err(|error: alk_pubsub::NameError| error.to_string())
}

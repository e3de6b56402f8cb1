use alk_pubsub::{EventType, check_id};
use clap::Args;

use super::remote::RemoteArgs;

const EXAMPLES: &str = "\
Examples:
  alk-hub pub session.status p1 '{\"busy\":true}'         one event
  alk-hub pub greeting world --text 'good morning'      its payload is a string
  curl -s https://… | alk-hub pub weather zurich -      its payload comes from a pipe
  seq 1 1000000 | alk-hub pub n all --lines             an event for each line, each a JSON value
  tail -F app.log | alk-hub pub log web-1 --lines --text
  alk-hub sub '*' --hub ws://one/ws | alk-hub pub --envelopes --hub ws://two/ws

It ends with 0 when the hub has taken all events, and with 1 when one was refused or the connection was lost; the message
names the line. Lines before that one were published, and so may be some behind it that were on their way: it says how many.";

/// The options of `alk-hub pub`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct PubArgs {
    /// The type of the event, as in session.status
    #[arg(value_name = "TYPE", required_unless_present = "envelopes", conflicts_with = "envelopes", value_parser = event_type)]
    pub event_type: Option<EventType>,

    /// The id of the event, as in p1; together they are the topic session.status:p1. '' is an id too
    #[arg(value_name = "ID", required_unless_present = "envelopes", value_parser = id)]
    pub id: Option<String>,

    /// The payload, as JSON; `-` reads it from standard input
    #[arg(
        value_name = "PAYLOAD",
        required_unless_present_any = ["lines", "envelopes"],
        conflicts_with = "lines",
        allow_negative_numbers = true
    )]
    pub payload: Option<String>,

    /// Publish each line of standard input as an event; it is a JSON value. Empty lines are passed over
    #[arg(long, env = "ALK_HUB_LINES")]
    pub lines: bool,

    /// Payloads are text, not JSON. With --lines, each line is a string, also an empty one
    #[arg(long, env = "ALK_HUB_TEXT", conflicts_with = "envelopes")]
    pub text: bool,

    /// Publish each line of standard input, which is an envelope {"type":…,"id":…,"payload":…}
    #[arg(long, env = "ALK_HUB_ENVELOPES", conflicts_with = "lines")]
    pub envelopes: bool,

    /// Whom to talk to.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

fn event_type(text: &str) -> Result<EventType, String> {
    EventType::new(text).map_err(|error| error.to_string())
}

fn id(text: &str) -> Result<String, String> {
    check_id(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

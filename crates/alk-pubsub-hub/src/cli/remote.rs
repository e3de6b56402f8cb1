use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args};

use super::bearer::BearerArgs;
use super::hub_url::HubUrl;
use super::redis_url::RedisUrl;

/// The start of all channels unless told otherwise.
pub(super) const PREFIX: &str = "alk:events:";

/// Whom `alk-hub pub` and `alk-hub sub` talk to.
#[derive(Debug, Clone, Args)]
pub struct RemoteArgs {
    /// The hub to talk to [default: ws://127.0.0.1:7400/ws]
    #[arg(
        long,
        env = "ALK_HUB_HUB",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Whom to talk to"
    )]
    pub hub: Option<HubUrl>,

    /// Talk to Redis instead, and so to all hubs behind which it stands
    #[arg(
        long,
        env = "ALK_HUB_REDIS",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Whom to talk to"
    )]
    pub redis: Option<RedisUrl>,

    /// What the names of Redis channels start with, as the hubs have it
    #[arg(
        long,
        env = "ALK_HUB_PREFIX",
        default_value = PREFIX,
        value_name = "PREFIX",
        help_heading = "Whom to talk to"
    )]
    pub prefix: String,

    /// The token to connect with.
    #[command(flatten, next_help_heading = "Whom to talk to")]
    pub bearer: BearerArgs,

    /// Trust hubs with certificates from the authorities in this PEM file, instead of those that the system trusts
    #[arg(long, env = "ALK_HUB_CA_FILE", value_name = "FILE", help_heading = "Whom to talk to")]
    pub ca_file: Option<PathBuf>,
}

impl RemoteArgs {
    /// What is typed wins over what the environment says, and of the environment's the hub wins: `ALK_HUB_REDIS` is
    /// there for `serve` as well. `false` if both are typed.
    pub(super) fn settle(&mut self, matches: &ArgMatches) -> bool {
        let is_typed = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
        match (&self.hub, &self.redis) {
            (Some(_), Some(_)) if is_typed("hub") && is_typed("redis") => return false,
            (Some(_), Some(_)) if is_typed("redis") => self.hub = None,
            (Some(_), Some(_)) => self.redis = None,
            _ => {}
        }
        true
    }
}

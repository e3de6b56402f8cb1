use clap::Args;

use super::hub_url::HubUrl;
use super::redis_url::RedisUrl;

/// The start of all channels unless told otherwise.
pub(super) const PREFIX: &str = "alk:events:";

/// Whom `alk-hub pub` and `alk-hub sub` talk to.
#[derive(Debug, Clone, Args)]
pub struct RemoteArgs {
    /// The hub to talk to [default: ws://127.0.0.1:7400/ws]
    #[arg(long, env = "ALK_HUB_HUB", value_name = "URL", help_heading = "Whom to talk to")]
    pub hub: Option<HubUrl>,

    /// Talk to Redis instead, and so to all hubs behind which it stands
    #[arg(
        long,
        env = "ALK_HUB_REDIS",
        hide_env_values = true,
        conflicts_with = "hub",
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
}

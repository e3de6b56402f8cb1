use std::path::PathBuf;

use clap::Args;

use super::bearer::BearerArgs;
use super::hub_url::HubUrl;
use super::redis_url::RedisUrl;
use super::remote::PREFIX;

const EXAMPLES: &str = "\
Examples:
  alk-hub doctor                                      the hub on this machine
  alk-hub doctor --redis redis://cache:6379           what a hub over this Redis would meet
  alk-hub doctor --redis redis://cache --hub wss://hub.example --json
  alk-hub doctor --hub wss://hub.example --token-file token --ca-file ca.pem

Each line is a finding: ok, warn or fail, and below it what to do. It ends with 1 if anything failed.";

/// The options of `alk-hub doctor`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    /// Look at this Redis
    #[arg(long, env = "ALK_HUB_REDIS", hide_env_values = true, value_name = "URL")]
    pub redis: Option<RedisUrl>,

    /// What the names of Redis channels start with, as the hubs have it
    #[arg(long, env = "ALK_HUB_PREFIX", default_value = PREFIX, value_name = "PREFIX")]
    pub prefix: String,

    /// Look at this hub [default: ws://127.0.0.1:7400/ws, unless --redis is given]
    #[arg(long, env = "ALK_HUB_HUB", hide_env_values = true, value_name = "URL")]
    pub hub: Option<HubUrl>,

    /// The token to connect with.
    #[command(flatten)]
    pub bearer: BearerArgs,

    /// Trust hubs with certificates from the authorities in this PEM file, instead of those that the system trusts
    #[arg(long, env = "ALK_HUB_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// Print one JSON object instead, for programs
    #[arg(long, env = "ALK_HUB_JSON")]
    pub json: bool,
}

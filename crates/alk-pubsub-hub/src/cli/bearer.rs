use std::fmt;
use std::path::PathBuf;

use clap::Args;

/// The token to connect to a hub with.
#[derive(Clone, Default, Args)]
pub struct BearerArgs {
    /// The token to connect with, where the hub wants one. Where others see what processes run: in a file, or in the environment
    #[arg(long, env = "ALK_HUB_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,

    /// The token to connect with is in this file, which is read once
    #[arg(long, env = "ALK_HUB_TOKEN_FILE", value_name = "FILE", conflicts_with = "token")]
    pub token_file: Option<PathBuf>,
}

impl fmt::Debug for BearerArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerArgs").field("token_file", &self.token_file).finish_non_exhaustive()
    }
}

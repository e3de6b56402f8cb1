use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};

use crate::auth::Pattern;

const EXAMPLES: &str = "\
Examples:
  openssl rand -hex 32 > secret; chmod 600 secret
  alk-hub token --jwt-secret-file secret --sub carol --subscribe session.status:p1 'message.updated:*'
  alk-hub token --jwt-secret-file secret --sub feeder --publish 'price:*' --ttl 30d
  alk-hub token --jwt-private-key-file key.pem --sub prometheus --admin

A pattern is a topic (session.status:p1), a type with all its ids (session.status:*), or everything ('*').";

/// The options of `alk-hub token`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("key").args(["jwt_secret_file", "jwt_private_key_file"]).required(true))]
pub struct TokenArgs {
    /// Who the token is for
    #[arg(long, env = "ALK_HUB_SUB", value_name = "NAME")]
    pub sub: String,

    /// What its bearer may listen to
    #[arg(long, env = "ALK_HUB_SUBSCRIBE", value_name = "PATTERN", num_args = 1..)]
    pub subscribe: Vec<Pattern>,

    /// What its bearer may publish to
    #[arg(long, env = "ALK_HUB_PUBLISH", value_name = "PATTERN", num_args = 1..)]
    pub publish: Vec<Pattern>,

    /// Its bearer may see /stats and /metrics
    #[arg(long, env = "ALK_HUB_ADMIN")]
    pub admin: bool,

    /// How long it is good, in whole seconds
    #[arg(long, env = "ALK_HUB_TTL", default_value = "1h", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub ttl: Duration,

    /// The secret that the hub has too, for HS256
    #[arg(long, env = "ALK_HUB_JWT_SECRET_FILE", value_name = "FILE")]
    pub jwt_secret_file: Option<PathBuf>,

    /// The private key whose public key the hub has, in PEM: RSA for RS256; EC P-256 for ES256 and Ed25519 for EdDSA, both as
    /// PKCS #8
    #[arg(long, env = "ALK_HUB_JWT_PRIVATE_KEY_FILE", value_name = "FILE")]
    pub jwt_private_key_file: Option<PathBuf>,

    /// The name of the key, where the hub has several
    #[arg(long, env = "ALK_HUB_KID", value_name = "KID")]
    pub kid: Option<String>,
}

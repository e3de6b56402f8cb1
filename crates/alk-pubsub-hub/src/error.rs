//! Why a command fails.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use alk_pubsub::{redis, ws_client};

use crate::cli::{HubUrl, RedisUrl};

/// What went wrong, for people to read.
#[derive(Debug)]
pub(crate) enum Error {
    /// The address is no address, or cannot be listened on.
    Listen { doing: &'static str, name: String, source: io::Error },
    /// It would be open to strangers, and nobody said that it may be.
    OpenToStrangers(SocketAddr),
    /// A file cannot be read.
    File { path: PathBuf, source: io::Error },
    /// The system refuses what every program gets.
    System { doing: &'static str, source: io::Error },
    /// Redis is not there, or does not let us in.
    Redis { url: RedisUrl, source: redis::Error },
    /// Redis was there, and will not be again.
    RedisLost,
    /// The hub is not there, or does not let us in.
    Hub { url: HubUrl, source: ws_client::Error },
    /// Something that is not true of the command line as such, but of what stands in it.
    Usage(String),
    /// There is nothing more to say than what stands in the output already.
    Unhealthy,
    /// Said in full.
    Failed(String),
    /// A call to whom we talk to was refused.
    Refused { doing: String, source: alk_pubsub::Error },
}

impl Error {
    /// The code to end with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Redis { source, .. } if source.kind() == redis::ErrorKind::Config => 2,
            Self::Hub { source, .. } if source.kind() == ws_client::ErrorKind::Config => 2,
            _ => 1,
        }
    }

    /// The message and those of what caused it, and what can be done about it.
    pub(crate) fn with_sources(&self) -> String {
        let mut text = described(self);
        if let Some(advice) = self.advice() {
            text = format!("{text}\n{advice}");
        }
        text
    }

    fn advice(&self) -> Option<String> {
        match self {
            Self::Hub { url, source } if source.kind() == ws_client::ErrorKind::Io && *url == HubUrl::default() => {
                Some("Start a hub with `alk-hub serve`, or say where there is one with `--hub URL` (or `--redis URL`).".to_owned())
            }
            Self::Hub { source, .. } if source.kind() == ws_client::ErrorKind::Io => {
                Some("Is `alk-hub serve` running there? `--hub URL` says where to look.".to_owned())
            }
            Self::Hub { source, .. } if source.kind() == ws_client::ErrorKind::Untrusted => {
                Some("With an authority of your own, `--ca-file FILE` says whose certificates to trust.".to_owned())
            }
            Self::Hub { source, .. } if source.kind() == ws_client::ErrorKind::Refused => {
                Some("Does it ask for a token? `--token TOKEN`, or ALK_HUB_TOKEN in the environment, is what it is shown.".to_owned())
            }
            Self::Hub { source, .. } if source.kind() == ws_client::ErrorKind::Protocol => {
                Some("A hub has its WebSockets at /ws, as in ws://127.0.0.1:7400/ws.".to_owned())
            }
            Self::Redis { source, .. } if source.kind() == redis::ErrorKind::Timeout => {
                Some("Is it running there? `--redis URL` says where to look; try it with `redis-cli -u URL ping`.".to_owned())
            }
            _ => None,
        }
    }
}

/// An error's message and those of what caused it. What a message says already is not said again.
pub(crate) fn described(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { doing, name, .. } => write!(f, "cannot {doing} `{name}`"),
            Self::OpenToStrangers(address) => write!(
                f,
                "refusing to listen on {address}: other machines can reach it, and there is no authentication.\n\
                 Add `--jwt-secret-file FILE` or `--jwt-public-key-file FILE` to ask clients for tokens (`alk-hub token` makes \
                 them), `--allow-anonymous all` to let everybody publish and subscribe, `--allow-anonymous subscribe` or \
                 `--allow-anonymous publish` for one of them, or listen on a loopback address such as 127.0.0.1:7400."
            ),
            Self::File { path, .. } => write!(f, "cannot read {}", path.display()),
            Self::System { doing, .. } => write!(f, "cannot {doing}"),
            Self::Redis { url, .. } => write!(f, "cannot connect to Redis at {url}"),
            Self::RedisLost => f.write_str("Redis is lost for good; the log says why"),
            Self::Hub { url, .. } => write!(f, "cannot connect to the hub at {url}"),
            Self::Usage(message) | Self::Failed(message) => f.write_str(message),
            Self::Refused { doing, .. } => write!(f, "cannot {doing}"),
            Self::Unhealthy => f.write_str("something is wrong that hubs and their clients will feel"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Listen { source, .. } | Self::File { source, .. } | Self::System { source, .. } => {
                Some(source)
            }
            Self::Redis { source, .. } => Some(source),
            Self::Hub { source, .. } => Some(source),
            Self::Refused { source, .. } => Some(source),
            Self::OpenToStrangers(_)
            | Self::RedisLost
            | Self::Unhealthy
            | Self::Usage(_)
            | Self::Failed(_) => None,
        }
    }
}

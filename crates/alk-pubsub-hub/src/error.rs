//! Why the hub does not start.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// What went wrong, for people to read.
#[derive(Debug)]
pub(crate) enum Error {
    /// The address is no address, or cannot be listened on.
    Listen { doing: &'static str, name: String, source: io::Error },
    /// It would be open to strangers, and nobody said that it may be.
    OpenToStrangers(SocketAddr),
    /// The system refuses what every program gets.
    System { doing: &'static str, source: io::Error },
}

impl Error {
    /// The message and those of what caused it.
    pub(crate) fn with_sources(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { doing, name, .. } => write!(f, "cannot {doing} `{name}`"),
            Self::OpenToStrangers(address) => write!(
                f,
                "refusing to listen on {address}: other machines can reach it, and there is no authentication.\n\
                 Add `--allow-anonymous all` to let everybody publish and subscribe, `--allow-anonymous subscribe` or \
                 `--allow-anonymous publish` for one of them, or listen on a loopback address such as 127.0.0.1:7400."
            ),
            Self::System { doing, .. } => write!(f, "cannot {doing}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { source, .. } | Self::System { source, .. } => Some(source),
            Self::OpenToStrangers(_) => None,
        }
    }
}

use std::fmt;

use alk_pubsub_link::{SpokeOptions, Wire};
use http::{HeaderMap, HeaderName};

use crate::token::Token;

/// The largest frame that is taken from a hub unless told otherwise, in bytes.
pub(crate) const MAX_FRAME_BYTES: usize = 16 << 20;

/// How a connection is made.
#[derive(Clone)]
pub(crate) struct Config {
    /// Default: none.
    pub(crate) headers: HeaderMap,
    /// Default: none.
    pub(crate) token: Token,
    /// What is asked for; default JSON.
    pub(crate) wire: Wire,
    /// Default: the platform's roots and ring.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<std::sync::Arc<tokio_rustls::rustls::ClientConfig>>,
    /// Default 16 MiB.
    pub(crate) max_frame_bytes: usize,
    /// How the link is kept.
    pub(crate) link: SpokeOptions,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            headers: HeaderMap::new(),
            token: Token::None,
            wire: Wire::Json,
            #[cfg(feature = "tls")]
            tls: None,
            max_frame_bytes: MAX_FRAME_BYTES,
            link: SpokeOptions::default().max_frame_bytes(MAX_FRAME_BYTES),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Any header may be a secret.
        let headers: Vec<_> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("Config")
            .field("headers", &headers)
            .field("token", &self.token)
            .field("wire", &self.wire)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

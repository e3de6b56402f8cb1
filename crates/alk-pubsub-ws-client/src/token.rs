use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use alk_pubsub_link::{Error, ErrorKind};
use http::HeaderValue;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Provided = Pin<Box<dyn Future<Output = Result<String, BoxError>> + Send>>;

/// Where the bearer token comes from.
#[derive(Clone, Default)]
pub(crate) enum Token {
    #[default]
    None,
    Fixed(HeaderValue),
    Provided(Arc<dyn Fn() -> Provided + Send + Sync>),
}

impl Token {
    pub(crate) fn fixed(token: &str) -> Result<Self, Error> {
        header(token).map(Self::Fixed)
    }

    pub(crate) fn provided<F, T, E>(provider: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self::Provided(Arc::new(move || {
            let token = provider();
            Box::pin(async move { token.await.map_err(Into::into) })
        }))
    }

    /// Whether the next token may be another one.
    pub(crate) fn may_change(&self) -> bool {
        matches!(self, Self::Provided(_))
    }

    /// The value of the `Authorization` header.
    pub(crate) async fn header(&self) -> Result<Option<HeaderValue>, Error> {
        match self {
            Self::Fixed(header) => Ok(Some(header.clone())),
            _ => self.next().await?.map(|token| header(&token)).transpose(),
        }
    }

    /// Another token, where there may be one.
    pub(crate) async fn next(&self) -> Result<Option<String>, Error> {
        let Self::Provided(provider) = self else { return Ok(None) };
        let token = provider().await;
        token
            .map(Some)
            .map_err(|error| Error::with_source(ErrorKind::Io, "the token provider has no token", error))
    }
}

fn header(token: &str) -> Result<HeaderValue, Error> {
    // The cause is not kept: it may show a part of the token.
    let mut header = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| Error::new(ErrorKind::Config, "the token has characters that a header cannot have"))?;
    header.set_sensitive(true);
    Ok(header)
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Fixed(_) => "fixed",
            Self::Provided(_) => "provided",
        })
    }
}

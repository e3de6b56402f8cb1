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
        header(token.trim()).map(Self::Fixed)
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
            _ => Ok(self.ask().await?.map(|(_, header)| header)),
        }
    }

    /// Another token, where there may be one.
    pub(crate) async fn next(&self) -> Result<Option<String>, Error> {
        Ok(self.ask().await?.map(|(token, _)| token))
    }

    /// What the provider has, as it is and as a header.
    async fn ask(&self) -> Result<Option<(String, HeaderValue)>, Error> {
        let Self::Provided(provider) = self else { return Ok(None) };
        let token = provider()
            .await
            .map_err(|error| Error::with_source(ErrorKind::Io, "the token provider has no token", error))?;
        // Tokens come from files, and files end with a line feed.
        let token = token.trim();
        // The next one may be better: the file may be written just now.
        let header = header(token).map_err(|error| error.retryable(true))?;
        Ok(Some((token.to_owned(), header)))
    }
}

fn header(token: &str) -> Result<HeaderValue, Error> {
    if token.is_empty() {
        return Err(Error::new(ErrorKind::Config, "the token is empty"));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn provided(
        token: &'static str,
    ) -> (Result<Option<HeaderValue>, Error>, Result<Option<String>, Error>) {
        let token = Token::provided(move || async move { Ok::<_, std::io::Error>(token.to_owned()) });
        (token.header().await, token.next().await)
    }

    #[tokio::test]
    async fn a_token_from_a_file_ends_with_a_line_feed() {
        for token in ["abc", "abc\n", " abc\r\n"] {
            let (header, next) = provided(token).await;
            assert_eq!(header.expect("a token").expect("a token"), "Bearer abc");
            assert_eq!(next.expect("a token").as_deref(), Some("abc"));
            let header = Token::fixed(token).expect("a token").header().await;
            assert_eq!(header.expect("a token").expect("a token"), "Bearer abc");
        }
    }

    #[tokio::test]
    async fn a_provider_that_has_nonsense_now_may_have_a_token_later() {
        for token in ["", "\n", "a\nb"] {
            let (header, next) = provided(token).await;
            for error in [header.expect_err("no token"), next.expect_err("no token")] {
                assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Config, true));
            }
            let error = Token::fixed(token).expect_err("no token");
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Config, false));
        }
    }
}

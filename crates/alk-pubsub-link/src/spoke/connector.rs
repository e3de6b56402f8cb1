use std::future::Future;

use crate::error::Error;
use crate::frame::BearerToken;
use crate::pipe::Pipe;

/// Makes the pipe of a link, and makes it again when it was lost.
///
/// A function that returns a future is one.
///
/// ```
/// use alk_pubsub_link::{Connector, Error, LengthDelimited, SpokeOptions, Wire, connect};
///
/// # fn check() -> impl Connector {
/// || async {
///     let stream = tokio::io::empty(); // say, a Unix socket
///     Ok::<_, Error>(LengthDelimited::new(stream, Wire::Json, 1 << 20))
/// }
/// # }
/// ```
pub trait Connector: Send + Sync + 'static {
    /// What it makes.
    type Pipe: Pipe;

    /// Makes a pipe. It is dropped when that takes longer than
    /// [`connect_timeout`](crate::SpokeOptions::connect_timeout), or is not wanted any more.
    ///
    /// # Errors
    ///
    /// What [is retryable](Error::is_retryable) is tried again; anything else ends the link for good.
    fn connect(&self) -> impl Future<Output = Result<Self::Pipe, Error>> + Send;

    /// Another token, for a hub that says that the one of the connection is about to end: the connection goes on with it.
    /// Dropped when it takes longer than the connection lasts. The provided method has none, and the hub closes the
    /// connection when its token ends.
    ///
    /// # Errors
    ///
    /// There should be one, but is none. The connection goes on without.
    fn token(&self) -> impl Future<Output = Result<Option<BearerToken>, Error>> + Send {
        std::future::ready(Ok(None))
    }

    /// Whether to connect again although the hub has closed the link for this reason and asked not to come back; so it is
    /// when another token may help. The provided method says no.
    fn returns_after(&self, reason: &str) -> bool {
        let _ = reason;
        false
    }
}

impl<F, C, P> Connector for F
where
    F: Fn() -> C + Send + Sync + 'static,
    C: Future<Output = Result<P, Error>> + Send,
    P: Pipe,
{
    type Pipe = P;

    fn connect(&self) -> impl Future<Output = Result<P, Error>> + Send {
        self()
    }
}

use alk_pubsub_core::{Error as PubSubError, forward_event_target};
use alk_pubsub_link::{Error, LinkEventTarget, LinkUpstream, SpokeStats};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::builder::WsClientBuilder;

/// An event target that is a hub at the other end of a WebSocket. A handle, cheap to clone.
///
/// It connects again when the connection is lost, and subscribes again to all that is subscribed here; each subscription has
/// one gap then. The connection ends when the target is closed, or when the last handle and the last subscription are gone.
///
/// # When it gives up
///
/// An attempt is followed by another one unless that is of no use before somebody changes something: the hub does not let us in
/// (401, 403) and there is no token provider that may have another token; it sends us away and says not to come back; its
/// certificate is not accepted; there is no hub at this address (a redirect, any other 4xx but 408, 425 and 429); it speaks
/// another version of the protocol; or there were as many attempts as [`Reconnect`](crate::Reconnect) allows. Refused
/// connections, names that are not found, timeouts, 5xx and answers that make no sense are tried again, after
/// `Retry-After` where a server says that.
///
/// When it gives up all subscriptions hand out what they hold and end, and
/// [`ended_by`](alk_pubsub_core::Subscription::ended_by) says why. So does a single one that the hub refuses after a
/// reconnect, or takes back.
#[derive(Debug, Clone)]
pub struct WsClientEventTarget(LinkEventTarget);

impl WsClientEventTarget {
    /// A target for the hub at this URL, `ws://host/path` or, with the feature `tls`, `wss://host/path`.
    pub fn builder(url: impl Into<String>) -> WsClientBuilder {
        WsClientBuilder::new(url.into())
    }

    /// Connects to the hub at this URL with the defaults.
    ///
    /// Cancel safe: dropping the future drops the target.
    ///
    /// # Errors
    ///
    /// Why the first attempt failed.
    pub async fn connect(url: impl Into<String>) -> Result<Self, Error> {
        Self::builder(url).connect().await
    }

    /// Speaks to a hub over a WebSocket that is there already: a stream of bytes whose handshake is done. With the
    /// defaults; when it ends, the target does. For a stream on which the handshake is still to be done see
    /// [`WsClientBuilder::build_over`].
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    ///
    /// # Errors
    ///
    /// None today.
    pub fn from_stream<S>(stream: S) -> Result<Self, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self::builder("ws://localhost/ws").build_over_upgraded(stream)
    }

    /// Waits until the hub has welcomed this target and confirmed all interests.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// There will be no connection: refused, closed, or too many attempts.
    pub async fn wait_connected(&self) -> Result<(), PubSubError> {
        self.upstream().wait_connected().await
    }

    /// How large an event may be, as an encoded envelope and in bytes: what the hub takes in a frame, less 64 for what stands
    /// around an event in one. `None` while there is no connection. With a hub's default of 64 KiB it is 65472.
    ///
    /// A larger one is refused as [`TooLarge`](alk_pubsub_core::ErrorKind::TooLarge), which names both numbers, and is not sent.
    #[must_use]
    pub fn max_event_bytes(&self) -> Option<usize> {
        self.upstream().max_event_bytes()
    }

    /// Counters of the connection.
    #[must_use]
    pub fn spoke_stats(&self) -> SpokeStats {
        self.upstream().stats()
    }

    pub(crate) fn over(link: LinkEventTarget) -> Self {
        Self(link)
    }

    pub(crate) fn upstream(&self) -> &LinkUpstream {
        self.0.upstream()
    }
}

forward_event_target!(WsClientEventTarget, |spoke| spoke.0);

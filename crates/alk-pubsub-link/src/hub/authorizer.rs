use alk_pubsub_core::{EventFilter, Interest, TargetFuture, Topic};

use super::connection::ConnectionInfo;
use super::denied::Denied;
use super::identity::Identity;
use crate::frame::BearerToken;

/// Decides what a connection may do. The provided methods allow everything.
///
/// Who a connection is has been found out before, see [`Identity`]. In the order in which a connection meets them:
///
/// | hook | asked | may take time |
/// | --- | --- | --- |
/// | [`connect`](Self::connect) | once, before anything is served | yes |
/// | [`may_subscribe`](Self::may_subscribe) | for each interest, and again when rights may have changed | no |
/// | [`subscribe`](Self::subscribe) | for each interest that `may_subscribe` has allowed | yes |
/// | [`may_publish`](Self::may_publish) | for each event that it publishes | no |
/// | [`deliver`](Self::deliver) | once, and after a refresh; the filter, for each event that it would be sent | no |
/// | [`refresh`](Self::refresh) | for each `__refresh` | yes |
///
/// Those that may not take time are called by the connection's task and hold it up: what takes time is found out when the
/// connection is made, and kept in its [identity](ConnectionInfo::identity).
///
/// ```
/// use alk_pubsub_core::{Interest, Topic};
/// use alk_pubsub_link::{Authorizer, ConnectionInfo, Denied};
///
/// /// Everybody may look at everything of their own project, and publish nothing.
/// struct OwnProject;
///
/// struct Project(String);
///
/// impl Authorizer for OwnProject {
///     fn may_subscribe(&self, connection: &ConnectionInfo, interest: &Interest) -> Result<(), Denied> {
///         match (connection.identity().find::<Project>(), interest) {
///             (Some(Project(own)), Interest::Topic(topic)) if topic.id() == own => Ok(()),
///             _ => Err(Denied::new("only topics of your own project")),
///         }
///     }
///
///     fn may_publish(&self, _: &ConnectionInfo, _: &Topic) -> Result<(), Denied> {
///         Err(Denied::new("this connection is read-only"))
///     }
/// }
/// ```
pub trait Authorizer: Send + Sync + 'static {
    /// Whether there may be this connection.
    ///
    /// # Errors
    ///
    /// [`Denied`]: over HTTP the request is refused, with 401 if it is [`expired`](Denied::expired), 503 if it is
    /// [`unavailable`](Denied::unavailable), else 403.
    fn connect(&self, connection: &ConnectionInfo) -> TargetFuture<Result<(), Denied>> {
        let _ = connection;
        TargetFuture::ready(Ok(()))
    }

    /// Whether the connection may listen to this.
    ///
    /// # Errors
    ///
    /// [`Denied`]: the interest is refused or, if it was allowed before, ends.
    fn may_subscribe(&self, connection: &ConnectionInfo, interest: &Interest) -> Result<(), Denied> {
        let _ = (connection, interest);
        Ok(())
    }

    /// The same where somebody else has to be asked.
    ///
    /// # Errors
    ///
    /// [`Denied`]: the interest is refused.
    fn subscribe(
        &self,
        connection: &ConnectionInfo,
        interest: &Interest,
    ) -> TargetFuture<Result<(), Denied>> {
        let _ = (connection, interest);
        TargetFuture::ready(Ok(()))
    }

    /// Whether the connection may publish to this.
    ///
    /// # Errors
    ///
    /// [`Denied`]: the event is refused.
    fn may_publish(&self, connection: &ConnectionInfo, topic: &Topic) -> Result<(), Denied> {
        let _ = (connection, topic);
        Ok(())
    }

    /// What the connection is not sent of what it listens to: events for which the filter is `false` are left out, without a
    /// gap. `None` lets everything through and costs nothing; a connection with a filter has its events framed for itself
    /// alone instead of sharing the frames of others.
    fn deliver(&self, connection: &ConnectionInfo) -> Option<EventFilter> {
        let _ = connection;
        None
    }

    /// Who the connection is from now on, by a new token that it has sent. Rights that this does not give end. It has to be
    /// the same [subject](Identity::subject); another is refused.
    ///
    /// # Errors
    ///
    /// [`Denied`]: the token is refused and the connection stays what it was.
    fn refresh(
        &self,
        connection: &ConnectionInfo,
        token: &BearerToken,
    ) -> TargetFuture<Result<Identity, Denied>> {
        let _ = (connection, token);
        TargetFuture::ready(Err(Denied::new("tokens are not taken here")))
    }
}

/// Allows everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

impl Authorizer for AllowAll {}

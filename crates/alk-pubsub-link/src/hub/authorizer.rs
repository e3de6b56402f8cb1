use alk_pubsub_core::{Interest, Topic};

use super::connection::ConnectionInfo;

/// Decides what a connection may do. The provided methods allow everything.
///
/// Asked for every topic of a `__subscribe` and for every published event, by the connection's task, so it must not
/// block; what takes time is found out before, when the connection is made, and kept in its
/// [context](ConnectionInfo::context).
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
///         match (connection.context::<Project>(), interest) {
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
    /// Whether the connection may listen to this.
    ///
    /// # Errors
    ///
    /// [`Denied`]: the topic is refused with the code `forbidden`.
    fn may_subscribe(&self, connection: &ConnectionInfo, interest: &Interest) -> Result<(), Denied> {
        let _ = (connection, interest);
        Ok(())
    }

    /// Whether the connection may publish to this.
    ///
    /// # Errors
    ///
    /// [`Denied`]: the event is refused with the code `forbidden`.
    fn may_publish(&self, connection: &ConnectionInfo, topic: &Topic) -> Result<(), Denied> {
        let _ = (connection, topic);
        Ok(())
    }
}

/// Allows everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

impl Authorizer for AllowAll {}

/// Not allowed; says why to the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    reason: String,
}

impl Denied {
    /// Not allowed for this reason, which the other side is told.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Denied {}

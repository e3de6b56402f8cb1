use std::any::Any;
use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

/// Who is at the other end of a connection, for how long, and whatever else was found out about it. Cheap to clone.
///
/// Whoever makes the connection says so: for a WebSocket or an event stream, a layer in front of the handler puts an
/// `Identity` into the extensions of the request. A connection of which nobody has said anything has
/// [`ANONYMOUS`](Self::ANONYMOUS).
///
/// ```
/// use std::time::Duration;
/// use alk_pubsub_link::Identity;
/// use tokio::time::Instant;
///
/// struct Projects(Vec<String>);
///
/// let identity = Identity::new("carol")
///     .context(Projects(vec!["p1".into()]))
///     .expires_at(Instant::now() + Duration::from_secs(3600));
/// assert_eq!(identity.subject(), Some("carol"));
/// assert_eq!(identity.find::<Projects>().map(|projects| projects.0.len()), Some(1));
/// ```
#[derive(Clone, Default)]
pub struct Identity(Option<Arc<Known>>);

#[derive(Clone)]
struct Known {
    subject: String,
    expires: Option<Instant>,
    context: Option<Arc<dyn Any + Send + Sync>>,
}

impl Identity {
    /// Nobody in particular.
    pub const ANONYMOUS: Self = Self(None);

    /// Somebody of this name, for as long as the connection lasts.
    pub fn new(subject: impl Into<String>) -> Self {
        Self(Some(Arc::new(Known { subject: subject.into(), expires: None, context: None })))
    }

    /// The same until this moment: then the connection is closed, unless its identity was refreshed before. Has no effect on
    /// [`ANONYMOUS`](Self::ANONYMOUS).
    #[must_use]
    pub fn expires_at(mut self, moment: Instant) -> Self {
        if let Some(known) = &mut self.0 {
            Arc::make_mut(known).expires = Some(moment);
        }
        self
    }

    /// The same with something for the [`Authorizer`](super::Authorizer): a session, a list of projects. Has no effect on
    /// [`ANONYMOUS`](Self::ANONYMOUS).
    #[must_use]
    pub fn context(mut self, context: impl Any + Send + Sync) -> Self {
        if let Some(known) = &mut self.0 {
            Arc::make_mut(known).context = Some(Arc::new(context));
        }
        self
    }

    /// The name.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.0.as_deref().map(|known| known.subject.as_str())
    }

    /// Whether it is nobody in particular.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.0.is_none()
    }

    /// When it ends.
    #[must_use]
    pub fn expires(&self) -> Option<Instant> {
        self.0.as_deref().and_then(|known| known.expires)
    }

    /// The [context](Self::context), if it is a `T`.
    #[must_use]
    pub fn find<T: Any>(&self) -> Option<&T> {
        let context = self.0.as_deref()?.context.as_deref()?;
        (context as &dyn Any).downcast_ref()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The context may hold a secret.
        f.debug_struct("Identity").field("subject", &self.subject()).finish_non_exhaustive()
    }
}

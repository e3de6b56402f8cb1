//! Which payload belongs to which event type, known at compile time.

use crate::event::Payload;
use crate::name::{EventType, NameError};

/// The events that an application publishes: a name for a set of [`EventOf`]s. Made by [`event_map!`](crate::event_map).
pub trait EventMap: Send + Sync + 'static {}

/// An event of the map `M`: its type and what its payload is.
pub trait EventOf<M: EventMap> {
    /// The payload of such events.
    type Payload: Payload;

    /// The event type.
    ///
    /// # Errors
    ///
    /// Where the type is text that was not checked at compile time and is no event type.
    fn event_type(self) -> Result<EventType, NameError>;
}

/// The map for those who have none: event types are `&str`, payloads are [`serde_json::Value`]s.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use alk_pubsub_core::{Dynamic, PubSub};
/// use serde_json::json;
///
/// let pubsub = PubSub::<Dynamic>::in_process();
/// let mut all = pubsub.subscribe_all().await?;
/// pubsub.publish("session.status", "p1", json!({"busy": true})).await?;
/// assert_eq!(all.recv().await.expect("open").payload()["busy"], true);
/// # Ok::<(), alk_pubsub_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Dynamic;

impl EventMap for Dynamic {}

impl EventOf<Dynamic> for &str {
    type Payload = serde_json::Value;

    fn event_type(self) -> Result<EventType, NameError> {
        EventType::new(self)
    }
}

impl EventOf<Dynamic> for EventType {
    type Payload = serde_json::Value;

    fn event_type(self) -> Result<EventType, NameError> {
        Ok(self)
    }
}

/// Ties names of event types to the types of their payloads.
///
/// For each event a unit struct is made that stands for it in [`publish`](crate::PubSub::publish) and
/// [`subscribe`](crate::PubSub::subscribe). A wrong payload, an event of another map, and a name that breaks the rules do not
/// compile.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use alk_pubsub_core::{PubSub, event_map};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// pub enum Status { Idle, Busy }
///
/// event_map! {
///     /// What this application publishes.
///     pub struct AppEvents {
///         /// The state of a session; the id is the project's.
///         SessionStatus("session.status") => Status,
///         MessageUpdated("message.updated") => String,
///     }
/// }
///
/// let pubsub = PubSub::<AppEvents>::in_process();
/// let mut statuses = pubsub.subscribe_to(SessionStatus, "p1").await?;
/// pubsub.publish(SessionStatus, "p1", Status::Busy).await?;
/// assert_eq!(statuses.recv().await.expect("open").payload(), &Status::Busy);
/// # Ok::<(), alk_pubsub_core::Error>(()) }).unwrap();
/// ```
#[macro_export]
macro_rules! event_map {
    (
        $(#[$map_meta:meta])*
        $vis:vis struct $map:ident {
            $( $(#[$meta:meta])* $event:ident($name:literal) => $payload:ty ),* $(,)?
        }
    ) => {
        $(#[$map_meta])*
        #[derive(Debug, Clone, Copy)]
        $vis struct $map;

        impl $crate::EventMap for $map {}

        impl $map {
            /// The event types of this map.
            #[allow(dead_code, reason = "not every application lists its events")]
            $vis const EVENT_TYPES: &'static [&'static str] = &[$($name),*];
        }

        $(
            $(#[$meta])*
            #[doc = concat!("Events of the type `", $name, "`.")]
            #[derive(Debug, Clone, Copy)]
            $vis struct $event;

            impl $crate::EventOf<$map> for $event {
                type Payload = $payload;

                fn event_type(self) -> ::core::result::Result<$crate::EventType, $crate::NameError> {
                    // Checked whether the event is used or not.
                    const EVENT_TYPE: $crate::EventType = $crate::EventType::from_static($name);
                    ::core::result::Result::Ok(EVENT_TYPE)
                }
            }
        )*
    };
}

//! The upstream that is no transport: events go straight back to the router.

use crate::error::Error;
use crate::event::Event;
use crate::name::Topic;
use crate::routed::RoutedEventTarget;
use crate::router::{Dispatching, Full, Route, Router};
use crate::target::{Published, TargetFuture};
use crate::upstream::Upstream;

/// The upstream of an [`InProcessEventTarget`].
#[derive(Debug)]
pub struct Local {
    router: Router,
}

/// The event target of one process: the default of a [`PubSub`](crate::PubSub).
///
/// A dispatch appends the event to the logs of its topic, its type and of everything, wakes who waits, and is done. It
/// encodes nothing, and waits only for subscribers with [`Overflow::Block`](crate::Overflow::Block).
///
/// ```
/// use alk_pubsub_core::{InProcessEventTarget, PubSub, Dynamic};
///
/// let target = InProcessEventTarget::in_process();
/// let pubsub = PubSub::<Dynamic>::new(target.clone());
/// ```
pub type InProcessEventTarget = RoutedEventTarget<Local>;

impl RoutedEventTarget<Local> {
    /// A target for this process.
    #[must_use]
    pub fn in_process() -> Self {
        Self::new(|router| Local { router })
    }
}

impl Default for RoutedEventTarget<Local> {
    fn default() -> Self {
        Self::in_process()
    }
}

impl Upstream for Local {
    fn publish(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        match self.router.try_dispatch(event) {
            Ok(receivers) => TargetFuture::ready(Ok(Published::exact(receivers))),
            Err(full) => {
                let dispatching = Dispatching::new(self.router.clone(), full);
                TargetFuture::boxed(async move { dispatching.await.map(Published::exact) })
            }
        }
    }

    fn try_publish(&self, event: Event) -> Result<Published, Error> {
        self.router.try_dispatch(event).map(Published::exact).map_err(|_| Full::error())
    }

    fn route(&self, topic: &Topic) -> Option<Route> {
        Some(self.router.route(topic))
    }

    fn can_block(&self) -> bool {
        true
    }
}

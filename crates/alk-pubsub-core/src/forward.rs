//! Standing in front of another target without writing all of it again.

/// Makes a type an [`EventTarget`](crate::EventTarget) that forwards everything to another one.
///
/// For handles with methods of their own. Who wants to change one of the methods implements the trait by hand.
///
/// ```
/// use alk_pubsub_core::{Dynamic, InProcessEventTarget, PubSub, forward_event_target};
///
/// #[derive(Default)]
/// struct Named { name: String, target: InProcessEventTarget }
///
/// forward_event_target!(Named, |named| named.target);
///
/// let pubsub = PubSub::<Dynamic>::new(Named::default());
/// ```
#[macro_export]
macro_rules! forward_event_target {
    ($type:ty, |$this:ident| $target:expr) => {
        impl $crate::EventTarget for $type {
            fn dispatch_event(
                &self,
                event: $crate::Event,
            ) -> $crate::TargetFuture<::core::result::Result<$crate::Published, $crate::Error>> {
                let $this = self;
                $crate::EventTarget::dispatch_event(&$target, event)
            }

            fn try_dispatch_event(
                &self,
                event: $crate::Event,
            ) -> ::core::result::Result<$crate::Published, $crate::Error> {
                let $this = self;
                $crate::EventTarget::try_dispatch_event(&$target, event)
            }

            fn route(&self, topic: &$crate::Topic) -> ::core::option::Option<$crate::Route> {
                let $this = self;
                $crate::EventTarget::route(&$target, topic)
            }

            fn add_event_listener(
                &self,
                interest: $crate::Interest,
                listener: ::std::sync::Arc<dyn $crate::EventListener>,
            ) -> $crate::TargetFuture<::core::result::Result<$crate::ListenerGuard, $crate::Error>> {
                let $this = self;
                $crate::EventTarget::add_event_listener(&$target, interest, listener)
            }

            fn remove_event_listener(&self, listener: $crate::ListenerId) -> bool {
                let $this = self;
                $crate::EventTarget::remove_event_listener(&$target, listener)
            }

            fn subscribe_raw(
                &self,
                interest: $crate::Interest,
                bounds: $crate::Bounds,
            ) -> $crate::TargetFuture<::core::result::Result<$crate::RawSubscription, $crate::Error>> {
                let $this = self;
                $crate::EventTarget::subscribe_raw(&$target, interest, bounds)
            }

            fn close(&self) -> $crate::TargetFuture<::core::result::Result<(), $crate::Error>> {
                let $this = self;
                $crate::EventTarget::close(&$target)
            }

            fn state(&self) -> $crate::StateWatch {
                let $this = self;
                $crate::EventTarget::state(&$target)
            }

            fn stats(&self) -> $crate::Stats {
                let $this = self;
                $crate::EventTarget::stats(&$target)
            }

            fn probe_latency(&self, probe: $crate::LatencyProbe) -> bool {
                let $this = self;
                $crate::EventTarget::probe_latency(&$target, probe)
            }

            fn interests(&self, most: usize) -> ::std::vec::Vec<($crate::Interest, u64)> {
                let $this = self;
                $crate::EventTarget::interests(&$target, most)
            }
        }
    };
}

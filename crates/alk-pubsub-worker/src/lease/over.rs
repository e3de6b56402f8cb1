/// Makes an event target of a newtype with a field `lease`, and methods `subscribe_in` and `close_target` of its own.
macro_rules! event_target_over_lease {
    ($target:ty) => {
        impl ::alk_pubsub_core::EventTarget for $target {
            fn dispatch_event(
                &self,
                event: ::alk_pubsub_core::Event,
            ) -> ::alk_pubsub_core::TargetFuture<Result<::alk_pubsub_core::Published, ::alk_pubsub_core::Error>> {
                self.lease.dispatch_event(event)
            }

            fn try_dispatch_event(
                &self,
                event: ::alk_pubsub_core::Event,
            ) -> Result<::alk_pubsub_core::Published, ::alk_pubsub_core::Error> {
                self.lease.try_dispatch_event(event)
            }

            fn route(&self, topic: &::alk_pubsub_core::Topic) -> Option<::alk_pubsub_core::Route> {
                self.lease.route(topic)
            }

            fn add_event_listener(
                &self,
                interest: ::alk_pubsub_core::Interest,
                listener: ::std::sync::Arc<dyn ::alk_pubsub_core::EventListener>,
            ) -> ::alk_pubsub_core::TargetFuture<
                Result<::alk_pubsub_core::ListenerGuard, ::alk_pubsub_core::Error>,
            > {
                self.lease.add_event_listener(interest, listener)
            }

            fn remove_event_listener(&self, listener: ::alk_pubsub_core::ListenerId) -> bool {
                self.lease.remove_event_listener(listener)
            }

            fn subscribe_raw(
                &self,
                interest: ::alk_pubsub_core::Interest,
                bounds: ::alk_pubsub_core::Bounds,
            ) -> ::alk_pubsub_core::TargetFuture<
                Result<::alk_pubsub_core::RawSubscription, ::alk_pubsub_core::Error>,
            > {
                self.subscribe_in(interest, bounds)
            }

            fn close(&self) -> ::alk_pubsub_core::TargetFuture<Result<(), ::alk_pubsub_core::Error>> {
                self.close_target()
            }

            fn state(&self) -> ::alk_pubsub_core::StateWatch {
                self.lease.state()
            }

            fn stats(&self) -> ::alk_pubsub_core::Stats {
                self.lease.stats()
            }

            fn probe_latency(&self, probe: ::alk_pubsub_core::LatencyProbe) -> bool {
                self.lease.probe_latency(probe)
            }

            fn interests(&self, most: usize) -> Vec<(::alk_pubsub_core::Interest, u64)> {
                self.lease.interests(most)
            }
        }
    };
}

pub(crate) use event_target_over_lease;

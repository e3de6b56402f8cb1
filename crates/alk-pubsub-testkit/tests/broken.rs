//! A suite that cannot fail shows nothing: targets that break a promise are found out.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alk_pubsub_core::{
    Bounds, ConnectionState, Error, ErrorKind, Event, EventListener, EventTarget, Gap, GapReason,
    InProcessEventTarget, Interest, ListenerGuard, ListenerId, Overflow, Published, RawSubscription,
    StateWatch, TargetFuture,
};
use alk_pubsub_testkit::{Capabilities, Making, Space, TargetFactory, run_check};
use support::Minimal;
use support::server::{Client, Server};

/// What is wrong with a target.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Flaw {
    /// Each event is sent twice.
    Doubles,
    /// Of two events the second comes first.
    Swaps,
    /// The policy `Block` is taken and not kept.
    DropsInsteadOfBlocking,
    /// The policy `Close` is taken and not kept.
    DropsInsteadOfClosing,
    /// `Latest` is taken for `DropOldest`.
    DropsInsteadOfKeepingTheLatest,
    /// More waits than was allowed.
    ForgetsTheBound,
    /// A listener stays when it is removed.
    KeepsListeners,
    /// There is always one receiver.
    Guesses,
    /// What is published after the close is success.
    OutlivesItsClose,
    /// A type hears everything.
    HearsTooMuch,
    /// Any number of bytes wait.
    ForgetsTheBytes,
    /// What a close should send is gone.
    DropsAtTheClose,
    /// A publish without a connection waits for one.
    WaitsForTheConnection,
    /// A lost connection is nothing to talk about.
    ReconnectsWithoutAGap,
    /// Of two events that were lost one is told of.
    CountsTooFew,
}

struct Broken {
    target: Arc<dyn EventTarget>,
    flaw: Flaw,
    held_back: Mutex<Option<Event>>,
    closed: Mutex<bool>,
}

impl Broken {
    fn send(&self, event: Event) -> Result<Published, Error> {
        match self.flaw {
            Flaw::Doubles => {
                self.target.try_dispatch_event(event.clone())?;
                self.target.try_dispatch_event(event)
            }
            Flaw::DropsAtTheClose => {
                let earlier = self.held_back.lock().unwrap().replace(event);
                earlier.map_or(Ok(Published::exact(0)), |earlier| self.target.try_dispatch_event(earlier))
            }
            Flaw::Swaps => {
                let earlier = self.held_back.lock().unwrap().take();
                if let Some(earlier) = earlier {
                    self.target.try_dispatch_event(event)?;
                    self.target.try_dispatch_event(earlier)
                } else {
                    *self.held_back.lock().unwrap() = Some(event);
                    Ok(Published::exact(0))
                }
            }
            Flaw::Guesses => self.target.try_dispatch_event(event).map(|_| Published::exact(1)),
            Flaw::OutlivesItsClose if *self.closed.lock().unwrap() => Ok(Published::exact(0)),
            _ => self.target.try_dispatch_event(event),
        }
    }
}

impl EventTarget for Broken {
    fn dispatch_event(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        if self.flaw == Flaw::WaitsForTheConnection && self.state().current() != ConnectionState::Connected {
            return TargetFuture::boxed(async {
                tokio::time::sleep(Duration::from_secs(4)).await;
                Err(Error::new(ErrorKind::Disconnected, "there was none"))
            });
        }
        TargetFuture::ready(self.send(event))
    }

    fn try_dispatch_event(&self, event: Event) -> Result<Published, Error> {
        self.send(event)
    }

    fn add_event_listener(
        &self,
        interest: Interest,
        listener: Arc<dyn EventListener>,
    ) -> TargetFuture<Result<ListenerGuard, Error>> {
        let listener: Arc<dyn EventListener> = match self.flaw {
            Flaw::ReconnectsWithoutAGap | Flaw::CountsTooFew => {
                Arc::new(Tells { listener, flaw: self.flaw, events: AtomicU64::new(0) })
            }
            _ => listener,
        };
        let guard = self.target.add_event_listener(interest, listener);
        if self.flaw != Flaw::KeepsListeners {
            return guard;
        }
        let target: std::sync::Weak<Nothing> = std::sync::Weak::new();
        guard.map(|guard| guard.map(|guard| ListenerGuard::new(guard.detach(), target)))
    }

    fn remove_event_listener(&self, listener: ListenerId) -> bool {
        self.flaw == Flaw::KeepsListeners || self.target.remove_event_listener(listener)
    }

    fn subscribe_raw(
        &self,
        interest: Interest,
        bounds: Bounds,
    ) -> TargetFuture<Result<RawSubscription, Error>> {
        let bounds = match (self.flaw, bounds.policy()) {
            (Flaw::DropsInsteadOfBlocking, Overflow::Block)
            | (Flaw::DropsInsteadOfClosing, Overflow::Close)
            | (Flaw::DropsInsteadOfKeepingTheLatest, Overflow::Latest) => {
                bounds.overflow(Overflow::DropOldest)
            }
            (Flaw::ForgetsTheBound, Overflow::DropOldest) => bounds.events(100_000),
            (Flaw::ForgetsTheBytes, _) => bounds.bytes(usize::MAX),
            _ => bounds,
        };
        let interest = match interest {
            Interest::Type(_) if self.flaw == Flaw::HearsTooMuch => Interest::Everything,
            interest => interest,
        };
        self.target.subscribe_raw(interest, bounds)
    }

    fn close(&self) -> TargetFuture<Result<(), Error>> {
        *self.closed.lock().unwrap() = true;
        self.target.close()
    }

    fn state(&self) -> StateWatch {
        self.target.state()
    }
}

/// Tells a listener less than there is to tell.
struct Tells {
    listener: Arc<dyn EventListener>,
    flaw: Flaw,
    events: AtomicU64,
}

impl EventListener for Tells {
    fn on_event(&self, event: &Event) {
        match self.events.fetch_add(1, Ordering::SeqCst) % 10 {
            7 if self.flaw == Flaw::CountsTooFew => {}
            8 if self.flaw == Flaw::CountsTooFew => {
                self.listener.on_gap(&Gap::new(GapReason::TransportLag, Some(1)));
            }
            _ => self.listener.on_event(event),
        }
    }

    fn on_gap(&self, gap: &Gap) {
        if self.flaw != Flaw::ReconnectsWithoutAGap || gap.reason() != GapReason::Reconnected {
            self.listener.on_gap(gap);
        }
    }

    fn on_close(&self) {
        self.listener.on_close();
    }
}

/// A target that is gone.
struct Nothing;

impl alk_pubsub_core::RemoveListener for Nothing {
    fn remove_listener(&self, _: ListenerId) -> bool {
        false
    }
}

struct Factory(Flaw);

impl TargetFactory for Factory {
    fn name(&self) -> &'static str {
        "a broken target"
    }

    fn capabilities(&self) -> Capabilities {
        match self.0 {
            Flaw::ForgetsTheBytes | Flaw::WaitsForTheConnection | Flaw::ReconnectsWithoutAGap => {
                Capabilities::default().encodes().outages()
            }
            _ => Capabilities::default().block().exact_receivers(),
        }
    }

    fn space(&self) -> Making<'_> {
        let broken = |target: Arc<dyn EventTarget>| Broken {
            target,
            flaw: self.0,
            held_back: Mutex::default(),
            closed: Mutex::default(),
        };
        Box::pin(async move {
            let in_process = InProcessEventTarget::in_process();
            match self.0 {
                Flaw::ForgetsTheBytes | Flaw::WaitsForTheConnection | Flaw::ReconnectsWithoutAGap => {
                    let server = Server::default();
                    let client = Client::target(&server);
                    client.state().wait_connected().await;
                    let faults = client.upstream().faults();
                    let broken = broken(Arc::new(client));
                    let space = if self.0 == Flaw::ReconnectsWithoutAGap {
                        Space::new(Arc::new(Minimal(Arc::new(broken))))
                    } else {
                        Space::new(Arc::new(broken))
                    };
                    space.with_faults(faults).keeping(server)
                }
                Flaw::CountsTooFew => Space::new(Arc::new(Minimal(Arc::new(broken(Arc::new(in_process)))))),
                Flaw::DropsAtTheClose => {
                    Space::pair(Arc::new(broken(Arc::new(in_process.clone()))), Arc::new(in_process))
                }
                _ => Space::new(Arc::new(broken(Arc::new(in_process)))),
            }
        })
    }
}

/// Each flaw with checks that find it, none of which has to wait for what never comes.
const FOUND_BY: [(Flaw, &[&str]); 15] = [
    (
        Flaw::Doubles,
        &[
            "an_event_comes_once_to_each_of_several_subscriptions",
            "an_event_comes_once_while_other_interests_come_and_go",
            "an_event_that_is_published_twice_comes_twice",
            "a_publisher_hears_its_own_events_once",
        ],
    ),
    (Flaw::Swaps, &["one_publishers_events_on_a_topic_come_in_the_order_published"]),
    (Flaw::DropsInsteadOfBlocking, &["try_publish_does_not_wait"]),
    (Flaw::DropsInsteadOfClosing, &["close_ends_the_one_that_lags"]),
    (Flaw::DropsInsteadOfKeepingTheLatest, &["latest_keeps_the_newest_event_of_each_topic"]),
    (
        Flaw::ForgetsTheBound,
        &[
            "drop_oldest_leaves_out_the_oldest",
            "a_stalled_subscriber_delays_nobody",
            "overflow_stands_where_events_are_missing",
        ],
    ),
    (Flaw::KeepsListeners, &["a_removed_listener_hears_nothing"]),
    (
        Flaw::Guesses,
        &[
            "that_nobody_listens_is_success",
            "the_number_of_receivers_is_exact",
            "what_is_dropped_receives_nothing",
        ],
    ),
    (Flaw::OutlivesItsClose, &["new_calls_fail_with_closed"]),
    (Flaw::HearsTooMuch, &["a_topic_hears_its_id_a_type_every_id_and_everything_all"]),
    (Flaw::ForgetsTheBytes, &["no_more_bytes_wait_than_were_allowed"]),
    (Flaw::DropsAtTheClose, &["what_was_published_before_is_sent"]),
    (Flaw::WaitsForTheConnection, &["publishing_without_a_connection_fails_at_once"]),
    (
        Flaw::ReconnectsWithoutAGap,
        &["a_reconnect_is_a_gap_in_every_subscription", "a_second_loss_is_a_second_gap"],
    ),
    (Flaw::CountsTooFew, &["all_that_was_missed_is_counted"]),
];

#[test]
fn every_flaw_is_found() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut overlooked = Vec::new();
    for (flaw, checks) in FOUND_BY {
        for check in checks {
            if catch_unwind(AssertUnwindSafe(|| run_check(&Factory(flaw), check))).is_ok() {
                overlooked.push((flaw, check));
            }
        }
    }
    let _ = std::panic::take_hook();
    assert!(overlooked.is_empty(), "{overlooked:?}");
}

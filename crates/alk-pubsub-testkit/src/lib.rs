//! The promises of an event target as a suite of tests: for the targets of alk-pubsub, and for your own.
//!
//! Implement [`TargetFactory`] for your transport: it makes event targets in a topic space of their own, and says by its
//! [`Capabilities`] what it can do beyond what every target must. Then have each promise tested by one line in a test file:
//!
//! ```
//! use std::sync::Arc;
//!
//! use alk_pubsub_core::InProcessEventTarget;
//! use alk_pubsub_testkit::{Capabilities, Making, Space, TargetFactory, conformance};
//!
//! struct InProcess;
//!
//! impl TargetFactory for InProcess {
//!     fn name(&self) -> &'static str {
//!         "in process"
//!     }
//!
//!     fn capabilities(&self) -> Capabilities {
//!         Capabilities::default().block().exact_receivers().interests()
//!     }
//!
//!     fn space(&self) -> Making<'_> {
//!         Box::pin(async { Space::new(Arc::new(InProcessEventTarget::in_process())) })
//!     }
//! }
//!
//! conformance!(in_process, InProcess);
//! # fn main() {
//! # let report = alk_pubsub_testkit::run_all(&InProcess);
//! # assert!(report.is_conforming(), "{report}");
//! # }
//! ```
//!
//! The macro makes a module of tests, one for each of [`CHECKS`]; a check that is added here reaches every transport by itself.
//! What a transport cannot promise is *not applicable*: it is said on standard error, and listed by [`Report`], which
//! [`run_all`] returns. It is never counted as passed.
//!
//! # Your own transport
//!
//! A [`Space`] has one target that checks publish on and one that they subscribe on. Make them two, by [`Space::pair`], where
//! the transport has two ends: two clients of a server, a hub and a spoke. Everything may take its time: checks wait
//! for answers and for marked events, never for a while. Thirty seconds are the limit for each check; only one that
//! hangs comes near it.
//!
//! A transport that can lose its connection shows what happens then. Give the space [`Faults`], and say so by
//! [`Capabilities::outages`] and [`Capabilities::raw_bytes`]. With the feature `net` a `Proxy` stands before your server: by its `down` and
//! `up` it is what `Faults` need, and by a `Schedule` it cuts, halves, delays, stalls, throttles and garbles connections by a seed. A
//! `Balancer` spreads connections over several servers. With the feature `redis-servers` there are Redis servers, clusters and
//! sentinels to be started, killed and paused, in the module `redis`.
//!
//! # Your own application
//!
//! Does yours stand it when events are late, or lost? Put a [`FaultTarget`] between it and whatever it listens to, with
//! [`EventFaults`] by a seed, have it [`disconnect`](FaultTarget::disconnect) and [`reconnect`](FaultTarget::reconnect) now and then, and
//! in the end [`heal`](FaultTarget::heal) it: from there on your application has to come to what is true, by itself. Try some
//! dozens of seeds; one that fails, fails again. With the clock of Tokio paused that takes no time.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
//! use std::time::Duration;
//! use alk_pubsub_core::{Dynamic, InProcessEventTarget, PubSub};
//! use alk_pubsub_testkit::{EventFaults, FaultTarget};
//!
//! let transport = InProcessEventTarget::in_process();
//! for seed in 1..=20 {
//!     let faults = EventFaults::seeded(seed).drops(30).delays(20, Duration::from_millis(2));
//!     let faulty = FaultTarget::new(transport.clone(), faults);
//!     let application = PubSub::<Dynamic>::new(faulty.clone());
//!     // Start yours on this, let something happen, disconnect and reconnect in between, and then:
//!     faulty.heal();
//!     // Does it show what there is?
//! }
//! # });
//! ```
//!
//! The example `an_application_under_faults` is all of that: a shop that asks anew what is in stock when events are missing. Its test
//! shows that a shop which forgets to is found out. Where your application has a real connection, a `Proxy` before the hub or the Redis
//! server does the same to bytes; there it is the machine that decides what comes first, and a seed repeats the faults only.

#[cfg(feature = "net")]
mod accept;
#[cfg(feature = "net")]
mod balancer;
mod capabilities;
mod check;
mod checks;
mod factory;
mod fault_target;
mod kit;
mod numbers;
#[cfg(feature = "net")]
mod proxy;
mod random;
mod record;
#[cfg(feature = "redis-servers")]
pub mod redis;
mod report;
mod run;

#[cfg(feature = "net")]
pub use balancer::Balancer;
pub use capabilities::{Capabilities, Requirement};
pub use check::Check;
pub use checks::CHECKS;
pub use factory::{Faults, Making, Space, TargetFactory};
pub use fault_target::{EventFaultCounts, EventFaults, FaultTarget};
pub use kit::{DEADLINE, Kit};
#[cfg(feature = "net")]
pub use proxy::{Fault, FaultCounts, Proxy, Schedule};
pub use random::Random;
#[doc(hidden)]
pub use record::run_recorded;
pub use report::{Report, Verdict};
pub use run::{run_all, run_check};

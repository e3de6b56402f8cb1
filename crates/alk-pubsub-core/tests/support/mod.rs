//! What several tests need.
#![allow(dead_code, reason = "each test crate uses its part of this")]
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

use std::future::Future;
use std::sync::mpsc;
use std::time::Duration;

use alk_pubsub_core::{
    Error, Event, EventTarget, InProcessEventTarget, Interest, Published, RawSubscription, RoutedEventTarget,
    Router, Scope, TargetFuture, Topic, Upstream,
};

/// Only a test that hangs comes near it.
const DEADLINE: Duration = Duration::from_secs(30);

/// The future's result, or a failure where it hangs.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future).await.expect("this should have been over long ago")
}

/// What a thread comes up with, or a failure where it hangs.
pub(crate) fn no_deadlock<R: Send + 'static>(run: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, over) = mpsc::sync_channel(1);
    let thread = std::thread::spawn(move || {
        let _ = done.send(run());
    });
    match over.recv_timeout(DEADLINE) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("deadlock"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("it has sent its result"),
        },
    }
}

pub(crate) fn topic(text: &str) -> Topic {
    text.parse().unwrap()
}

pub(crate) fn interest(text: &str) -> Interest {
    text.parse().unwrap()
}

pub(crate) fn event(to: &str, number: u64) -> Event {
    Event::new(topic(to), number)
}

/// What in process is there at once.
pub(crate) fn now<T>(future: TargetFuture<Result<T, Error>>) -> T {
    future.try_ready().expect("ready at once").expect("no error")
}

pub(crate) fn subscribe(target: &InProcessEventTarget, to: &str) -> RawSubscription {
    now(target.subscribe_raw(interest(to), alk_pubsub_core::Bounds::default()))
}

/// An upstream whose other side is the test.
pub(crate) struct Wire(Router);

impl Wire {
    pub(crate) fn target() -> RoutedEventTarget<Self> {
        RoutedEventTarget::new(Self)
    }

    pub(crate) fn router(&self) -> &Router {
        &self.0
    }
}

impl Upstream for Wire {
    fn publish(&self, event: Event) -> TargetFuture<Result<Published, Error>> {
        TargetFuture::ready(self.try_publish(event))
    }

    fn try_publish(&self, event: Event) -> Result<Published, Error> {
        Ok(Published::exact(self.0.deliver(event, Scope::ALL)))
    }
}

/// The memory that this process has now.
pub(crate) fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this test looks at /proc");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("there is a VmRSS");
    let kibibytes: u64 =
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number");
    kibibytes << 10
}

//! How the parts of a target hang together.

use std::sync::Arc;

use alk_pubsub_core::{Interests, Router};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::backoff::Backoff;
use crate::channels::Channels;
use crate::config::Config;
use crate::driver::Driver;
use crate::error::{Error, ErrorKind};
use crate::give_up::GiveUp;
use crate::inbox::Inbox;
use crate::outbox::Outbox;
use crate::publisher::Publisher;
use crate::status::{Part, Status};
use crate::subscriber::Subscriber;
use crate::threads::Threads;
use crate::upstream::RedisUpstream;

/// What a target is assembled from.
pub(crate) struct Parts<D> {
    pub(crate) router: Router,
    pub(crate) channels: Channels,
    pub(crate) config: Config,
    pub(crate) driver: D,
}

/// Tells everybody if the thread panics, who would wait for ever otherwise.
#[derive(Clone)]
struct Unwinding {
    give_up: GiveUp,
    router: Router,
}

impl Drop for Unwinding {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = Error::new(ErrorKind::Server, "the thread that serves Redis has panicked");
            self.give_up.because(&error);
            self.router.end(error.into());
        }
    }
}

impl<D: Driver> Parts<D> {
    /// The upstream, and what is to be run for it until it is told to stop: what publishes, and on another thread what reads.
    pub(crate) fn assemble(
        self,
        threads: Threads,
    ) -> (RedisUpstream, impl Future<Output = ()> + Send + 'static, impl Future<Output = ()> + Send + 'static)
    {
        let Self { router, channels, config, driver } = self;
        let status = Status::new();
        let (interests, everything) = (Interests::new(), Interests::new());
        let refused = Arc::default();
        let outbox = Outbox::new(config.max_in_flight, config.offline);
        let backoff = || Backoff::new(config.reconnect);
        let give_up = GiveUp {
            outbox: outbox.clone(),
            interests: [interests.clone(), everything.clone()],
            status: status.clone(),
            stopper: threads.stopper(),
        };
        let publisher = Publisher {
            driver: driver.clone(),
            outbox: outbox.clone(),
            status: status.clone(),
            backoff: backoff(),
            stop: threads.stop(),
            give_up: give_up.clone(),
        };
        let subscriber = |part: Part, interests: &Interests| Subscriber {
            driver: driver.clone(),
            part,
            channels: channels.clone(),
            interests: interests.clone(),
            inbox: Inbox::new(
                router.clone(),
                channels.clone(),
                config.codec.clone(),
                interests.clone(),
                part == Part::Everything,
                Arc::clone(&refused),
            ),
            status: status.clone(),
            backoff: backoff(),
            everywhere: config.sharded,
            lazy: part == Part::Everything,
            stop: threads.stop(),
            give_up: give_up.clone(),
        };
        let (main, all) =
            (subscriber(Part::Subscriber, &interests), subscriber(Part::Everything, &everything));
        let (has_read, read) = oneshot::channel::<()>();
        let unwinding = Unwinding { give_up, router };
        let reading = {
            let unwinding = unwinding.clone();
            async move {
                // Tasks, not parts of this future: tasks have their turn in the order they were woken, so that each runs
                // when its client has read something, and before that reads more.
                let mut tasks = JoinSet::new();
                tasks.spawn(main.run());
                tasks.spawn(all.run());
                while let Some(ended) = tasks.join_next().await {
                    if let Some(panic) = ended.err().and_then(|failed| failed.try_into_panic().ok()) {
                        std::panic::resume_unwind(panic);
                    }
                }
                drop((has_read, unwinding));
            }
        };
        let publishing = async move {
            let _ = tokio::join!(Box::pin(publisher.run()), read);
            // Last of all: whatever was still to be told to subscriptions comes before their end.
            if let Some(error) = unwinding.give_up.status.failure() {
                unwinding.router.end(error.into());
            }
        };
        let upstream = RedisUpstream {
            channels,
            encoding: config.codec,
            outbox,
            interests,
            everything,
            sharded: config.sharded,
            status,
            refused,
            max_envelope_bytes: config.max_envelope_bytes,
            close_timeout: config.close_timeout,
            threads,
        };
        (upstream, publishing, reading)
    }
}

//! Both sides of a worker keep what every event target promises.

mod support;

use std::sync::Arc;

use alk_pubsub_core::{EventTarget, InProcessEventTarget};
use alk_pubsub_testkit::{Capabilities, Making, Space, TargetFactory, conformance};
use alk_pubsub_worker::{Worker, WorkerHost, WorkerHostEventTarget, WorkerThreadEventTarget};
use tokio::sync::oneshot;

/// A thread that hands out its target and does nothing else, until it is closed.
async fn thread(host: &WorkerHost) -> (WorkerHostEventTarget, WorkerThreadEventTarget, Worker) {
    let (hand_out, handed_out) = oneshot::channel();
    let main = |target: WorkerThreadEventTarget| async move {
        let closed = target.closed();
        // Nobody is there to take it when the check has failed.
        drop(hand_out.send(target));
        closed.await;
    };
    let (host, worker) = host.spawn("conforming", main).expect("a thread can be started");
    let target = handed_out.await.expect("it begins by handing it out");
    (host, target, worker)
}

fn pair(publisher: impl EventTarget, subscriber: impl EventTarget, worker: Worker) -> Space {
    Space::pair(Arc::new(publisher), Arc::new(subscriber)).keeping(worker)
}

/// The host publishes, the worker listens.
struct ToThread;

impl TargetFactory for ToThread {
    fn name(&self) -> &'static str {
        "host to thread"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().block().exact_receivers().interests()
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let (host, target, worker) = thread(&WorkerHost::new()).await;
            pair(host, target, worker)
        })
    }
}

/// The worker publishes, the host listens.
struct FromThread;

impl TargetFactory for FromThread {
    fn name(&self) -> &'static str {
        "thread to host"
    }

    fn capabilities(&self) -> Capabilities {
        ToThread.capabilities()
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let (host, target, worker) = thread(&WorkerHost::new()).await;
            pair(target, host, worker)
        })
    }
}

/// In another target's space: one worker publishes, the host of another listens.
struct OverAnother;

impl TargetFactory for OverAnother {
    fn name(&self) -> &'static str {
        "thread to thread's host, over another target"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default().exact_receivers().interests()
    }

    fn space(&self) -> Making<'_> {
        Box::pin(async {
            let host = WorkerHost::over(InProcessEventTarget::in_process());
            let (_, publisher, first) = thread(&host).await;
            let (subscriber, _, second) = thread(&host).await;
            pair(publisher, subscriber, first).keeping(second)
        })
    }
}

conformance!(to_thread, ToThread);
conformance!(from_thread, FromThread);
conformance!(over_another, OverAnother);

/// A process: each check runs in one of its own, whose target is the host at the other end of the link.
#[cfg(unix)]
mod process {
    use std::sync::Arc;

    use alk_pubsub_testkit::{CHECKS, Capabilities, Making, Space, TargetFactory, run_check};
    use alk_pubsub_worker::{WorkerHost, from_parent};

    use crate::support::{role, soon, this_program};

    struct Child;

    impl TargetFactory for Child {
        fn name(&self) -> &'static str {
            "process to host and back"
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities::default().encodes().interests()
        }

        fn space(&self) -> Making<'_> {
            Box::pin(async { Space::new(Arc::new(from_parent().expect("it has a parent"))) })
        }
    }

    /// The other side of the test below, which runs the check that it is told; without one it is told nothing.
    #[test]
    fn child_main() {
        if let Some(check) = role() {
            run_check(&Child, &check);
        }
    }

    #[tokio::test]
    async fn each_check_passes_in_a_process_of_its_own() {
        let mut failed = Vec::new();
        for check in CHECKS {
            let mut command = this_program(check.name);
            command.args(["process::child_main"]);
            let (_host, worker) = WorkerHost::new().process(command).expect("this program can be started");
            let outcome = soon(worker.join()).await;
            if !outcome.is_success() {
                failed.push(format!("{}: {outcome}", check.name));
            }
        }
        assert!(failed.is_empty(), "{failed:#?}");
    }
}

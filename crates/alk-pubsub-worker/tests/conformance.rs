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
conformance!(
    #[cfg(unix)]
    to_process,
    process::ToProcess
);
conformance!(
    #[cfg(unix)]
    from_process,
    process::FromProcess
);

/// A process. In the one direction the checks here have its target at the other end of a link of their own. In the other each check runs in one of its own, whose target is the host at the other end of the link.
#[cfg(unix)]
mod process {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use alk_pubsub_core::EventTarget;
    use alk_pubsub_link::{
        ConnectionInfo, LengthDelimited, Limits, LinkEventTarget, ServeOptions, SpokeOptions, Wire,
        link_over, serve,
    };
    use alk_pubsub_testkit::{CHECKS, Capabilities, Making, Space, TargetFactory, run_recorded};
    use alk_pubsub_worker::{Worker, WorkerHost, WorkerHostEventTarget, from_parent};
    use tokio::net::{UnixListener, UnixStream};

    use super::pair;
    use crate::support::{role, soon, this_program};

    /// Where a process that serves its target is waited for.
    const PLACE: &str = "ALK_PUBSUB_TEST_PLACE";

    fn pipe(stream: UnixStream) -> LengthDelimited<UnixStream> {
        LengthDelimited::new(stream, Wire::Json, 16 << 20)
    }

    /// A process whose target is served to whoever waits for it at this place.
    #[tokio::main(flavor = "current_thread")]
    async fn serve_target(place: &Path) {
        let target = from_parent().expect("it has a parent");
        let stream = UnixStream::connect(place).await.expect("it is waited for");
        // Checks subscribe to hundreds of topics, and publish events as large as the host takes.
        let mut limits = Limits::default();
        limits.max_topics = 10_000;
        limits.max_frame_bytes = 16 << 20;
        let options = ServeOptions::new(ConnectionInfo::new("check", None)).limits(limits);
        let mut serving = serve(target.clone(), pipe(stream), options);
        tokio::select! {
            served = &mut serving => served.expect("the check ends it"),
            // What the target held when it was closed is handed out. The host waits for this process, so not for ever.
            () = target.closed() => drop(tokio::time::timeout(Duration::from_secs(1), serving).await),
        }
        target.close().await.expect("the host takes what is left");
    }

    /// A process, and its target.
    async fn process() -> (WorkerHostEventTarget, LinkEventTarget, Worker) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("alk-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let place = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&place).expect("nobody has that name");
        let mut command = this_program("serve");
        command.args(["process::child_main"]).env(PLACE, &place);
        let (host, worker) = WorkerHost::new().process(command).expect("this program can be started");
        let accepted = soon(listener.accept()).await;
        std::fs::remove_file(&place).expect("it was made above");
        let (stream, _) = accepted.expect("the process connects");
        let target = link_over(pipe(stream), SpokeOptions::default());
        assert!(soon(target.state().wait_connected()).await, "the process serves it");
        (host, target, worker)
    }

    /// The host publishes, the process listens.
    pub(super) struct ToProcess;

    impl TargetFactory for ToProcess {
        fn name(&self) -> &'static str {
            "host to process"
        }

        fn capabilities(&self) -> Capabilities {
            // The host's own subscribers get values, so what cannot be encoded is found out on the way to the process.
            Capabilities::default().interests()
        }

        fn space(&self) -> Making<'_> {
            Box::pin(async {
                let (host, target, worker) = process().await;
                pair(host, target, worker)
            })
        }
    }

    /// The process publishes, the host listens.
    pub(super) struct FromProcess;

    impl TargetFactory for FromProcess {
        fn name(&self) -> &'static str {
            "process to host"
        }

        fn capabilities(&self) -> Capabilities {
            Child.capabilities()
        }

        fn space(&self) -> Making<'_> {
            Box::pin(async {
                let (host, target, worker) = process().await;
                pair(target, host, worker)
            })
        }
    }

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

    /// The other side of the tests here, which serves its target or runs the check that it is told; without a role it is nobody's.
    #[test]
    fn child_main() {
        match (role(), std::env::var_os(PLACE).map(PathBuf::from)) {
            (Some(_), Some(place)) => serve_target(&place),
            (Some(check), None) => run_recorded(module_path!(), &Child, &check),
            (None, _) => {}
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

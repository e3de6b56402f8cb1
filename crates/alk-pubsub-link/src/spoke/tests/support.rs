use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use alk_pubsub_core::{
    ConnectionState, Delivery, Dynamic, EventTarget, InProcessEventTarget, PubSub, Subscription,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::close_code::CloseCode;
use crate::error::{Error, ErrorKind};
use crate::frame::Wire;
use crate::hub::{ConnectionInfo, Limits, ServeOptions, serve};
use crate::pipe::{Frames, MemoryPipe, Pipe, Received, memory_pipe};
use crate::spoke::{LinkEventTarget, SpokeOptions, connect};

/// What fails is to fail, not to hang; paused time makes it short.
pub(super) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(Duration::from_secs(120), future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: not within two minutes"),
    }
}

/// A hub in process to which spokes connect over pipes that can be cut.
#[derive(Clone)]
pub(super) struct TestHub {
    pub(super) target: InProcessEventTarget,
    links: Arc<Mutex<Links>>,
}

struct Links {
    /// What a connector gets instead of a pipe.
    refuse: Option<ErrorKind>,
    limits: Limits,
    served: Vec<JoinHandle<Result<(), Error>>>,
    attempts: usize,
}

impl TestHub {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        let links = Links { refuse: None, limits, served: Vec::new(), attempts: 0 };
        Self { target: InProcessEventTarget::in_process(), links: Arc::new(Mutex::new(links)) }
    }

    fn links(&self) -> std::sync::MutexGuard<'_, Links> {
        self.links.lock().expect("no panic")
    }

    pub(super) fn pubsub(&self) -> PubSub<Dynamic> {
        PubSub::new(self.target.clone())
    }

    fn pipe(&self) -> Result<MemoryPipe, Error> {
        let mut links = self.links();
        links.attempts += 1;
        if let Some(kind) = links.refuse {
            return Err(Error::new(kind, "not now"));
        }
        let (near, far) = memory_pipe(Wire::Json, 4096);
        let options = ServeOptions::new(ConnectionInfo::new("spoke", None)).limits(links.limits.clone());
        links.served.push(tokio::spawn(serve(self.target.clone(), far, options)));
        Ok(near)
    }

    pub(super) fn spoke(&self, options: SpokeOptions) -> LinkEventTarget {
        let hub = self.clone();
        connect(move || std::future::ready(hub.pipe()), options)
    }

    pub(super) fn refuse(&self, kind: impl Into<Option<ErrorKind>>) {
        self.links().refuse = kind.into();
    }

    pub(super) fn attempts(&self) -> usize {
        self.links().attempts
    }

    /// Cuts all connections. What is under way on them is lost.
    pub(super) fn cut(&self) {
        self.links().served.drain(..).for_each(|served| served.abort());
    }

    /// Waits until no connection is left.
    pub(super) async fn is_alone(&self) {
        let served: Vec<_> = self.links().served.drain(..).collect();
        for served in served {
            drop(within("the session ends", served).await);
        }
    }
}

/// Waits for a state.
pub(super) async fn reaches(target: &LinkEventTarget, state: ConnectionState) {
    let mut watch = target.state();
    within(&format!("{state:?}"), async {
        while watch.current() != state {
            watch.changed().await;
        }
    })
    .await;
}

/// All that a subscription has had, up to an event with this payload.
pub(super) async fn until(subscription: &mut alk_pubsub_core::WithGaps<Value>, last: &Value) -> Vec<Value> {
    let mut seen = Vec::new();
    within("the last event", async {
        loop {
            match subscription.recv().await.expect("open") {
                Delivery::Event(event) if event.payload() == last => break,
                Delivery::Event(event) => seen.push(event.payload().clone()),
                Delivery::Gap(gap) => seen.push(json!(gap.reason().as_str())),
            }
        }
    })
    .await;
    seen
}

pub(super) async fn next(subscription: &mut Subscription<Value>) -> Value {
    within("an event", subscription.recv()).await.expect("open").payload().clone()
}

/// A pipe that can ask for a sign of life, and whose other end may or may not give one.
pub(super) struct PingPipe {
    pub(super) pipe: MemoryPipe,
    pub(super) answers: bool,
    pub(super) pulses: usize,
}

impl Pipe for PingPipe {
    fn wire(&self) -> Wire {
        self.pipe.wire()
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Received, Error>>> {
        if self.pulses > 0 {
            self.pulses -= 1;
            return Poll::Ready(Some(Ok(Received::Pulse)));
        }
        self.pipe.poll_receive(cx)
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.pipe.poll_ready(cx)
    }

    fn send(&mut self, frames: Frames) -> Result<(), Error> {
        self.pipe.send(frames)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.pulses > 0 {
            cx.waker().wake_by_ref();
        }
        self.pipe.poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, code: CloseCode, reason: &str) -> Poll<Result<(), Error>> {
        self.pipe.poll_close(cx, code, reason)
    }

    fn ping(&mut self) -> Result<bool, Error> {
        self.pulses += usize::from(self.answers);
        Ok(true)
    }
}

/// A hub that does what the test says, frame by frame.
pub(super) struct Script {
    pipes: mpsc::Receiver<MemoryPipe>,
    pipe: Option<MemoryPipe>,
}

impl Script {
    /// A spoke whose pipes are made by `make` of the near ends.
    pub(super) fn with<P: Pipe>(
        options: SpokeOptions,
        make: impl Fn(MemoryPipe) -> P + Send + Sync + 'static,
    ) -> (LinkEventTarget, Self) {
        let (sender, pipes) = mpsc::channel(1000);
        let spoke = connect(
            move || {
                let (near, far) = memory_pipe(Wire::Json, 4096);
                let gone = |_| Error::new(ErrorKind::Io, "the script has ended");
                std::future::ready(sender.try_send(far).map(|()| make(near)).map_err(gone))
            },
            options,
        );
        (spoke, Self::over(pipes))
    }

    pub(super) fn new(options: SpokeOptions) -> (LinkEventTarget, Self) {
        Self::with(options, |pipe| pipe)
    }

    /// A spoke of which the far ends of its pipes come from here.
    pub(super) fn over(pipes: mpsc::Receiver<MemoryPipe>) -> Self {
        Self { pipes, pipe: None }
    }

    /// The next connection; the one there was is dropped.
    pub(super) async fn connection(&mut self) {
        self.pipe = None;
        self.pipe = within("a connection", self.pipes.recv()).await;
        assert!(self.pipe.is_some(), "the spoke has ended");
    }

    pub(super) fn hang_up(&mut self) {
        self.pipe = None;
    }

    /// Whether the spoke has not tried to connect since.
    pub(super) fn is_left_alone(&mut self) -> bool {
        self.pipes.try_recv().is_err()
    }

    pub(super) fn says(&mut self, frame: &Value) {
        self.says_bytes(frame.to_string().as_bytes());
    }

    pub(super) fn says_bytes(&mut self, frame: &[u8]) {
        let pipe = self.pipe.as_mut().expect("a connection");
        // A spoke that has hung up does not hear it.
        drop(pipe.send([frame].into_iter().collect()));
    }

    pub(super) fn welcomes(&mut self) {
        self.says(&json!({"type": "__welcome", "id": "c", "payload":
            {"protocol": 1, "heartbeat_ms": 25_000, "max_frame_bytes": 4096, "max_topics": 128}}));
    }

    /// The next frame of the spoke; `None` when it has hung up.
    pub(super) async fn hears_or_end(&mut self) -> Option<Value> {
        let pipe = self.pipe.as_mut().expect("a connection");
        match within("a frame", poll_fn(|cx| pipe.poll_receive(cx))).await {
            Some(Ok(Received::Frame(frame))) => Some(serde_json::from_slice(&frame).expect("JSON")),
            Some(other) => panic!("{other:?}"),
            None => None,
        }
    }

    pub(super) async fn hears(&mut self) -> Value {
        self.hears_or_end().await.expect("the spoke is there")
    }

    /// Grants the next subscription.
    pub(super) async fn grants(&mut self) -> Value {
        let mut frame = self.hears().await;
        assert_eq!(frame["type"], "__subscribe", "{frame}");
        frame["type"] = json!("__subscribed");
        self.says(&frame);
        frame["payload"]["topics"].clone()
    }
}

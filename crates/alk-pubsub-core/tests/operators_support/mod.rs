//! Sources that do as they are told, and ways to poll that notice what a runtime would hide.
#![allow(dead_code, reason = "each test crate uses its part of this")]

use std::collections::VecDeque;
use std::fmt::Debug;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_core::{FusedStream, Stream};
use futures_util::StreamExt;

/// How much a source tells about its size.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tells {
    All,
    Something,
    Nothing,
}

/// A source that gives the items, is pending once for every `None`, and panics when it is polled after its
/// end.
#[derive(Debug)]
pub(crate) struct Script {
    steps: VecDeque<Option<u32>>,
    tells: Tells,
    ended: bool,
    alive: Arc<()>,
}

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Option<u32>>, tells: Tells) -> Self {
        Self { steps: steps.into_iter().collect(), tells, ended: false, alive: Arc::new(()) }
    }

    pub(crate) fn of(items: impl IntoIterator<Item = u32>) -> Self {
        Self::new(items.into_iter().map(Some), Tells::All)
    }

    /// Tells whether this script has been dropped, after it has been given away.
    pub(crate) fn watch(&self) -> Watch {
        Watch(Arc::clone(&self.alive))
    }
}

impl Stream for Script {
    type Item = u32;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u32>> {
        assert!(!self.ended, "the source was polled after its end");
        match self.steps.pop_front() {
            Some(Some(item)) => Poll::Ready(Some(item)),
            Some(None) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                self.ended = true;
                Poll::Ready(None)
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let items = self.steps.iter().flatten().count();
        match self.tells {
            Tells::All => (items, Some(items)),
            Tells::Something => (items / 2, Some(items + 3)),
            Tells::Nothing => (0, None),
        }
    }
}

/// See [`Script::watch`].
#[derive(Debug)]
pub(crate) struct Watch(Arc<()>);

impl Watch {
    pub(crate) fn is_dropped(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// A waker that counts.
#[derive(Debug, Default)]
pub(crate) struct Wakes(AtomicUsize);

impl Wakes {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let wakes = Arc::new(Self::default());
        (Arc::clone(&wakes), Waker::from(wakes))
    }

    /// How often it was woken since the last time this was asked.
    pub(crate) fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// One poll.
pub(crate) fn poll_once<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    stream.poll_next_unpin(&mut Context::from_waker(Waker::noop()))
}

/// Polls again as often as it is woken, and panics where it would wait for ever.
pub(crate) fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    let (wakes, waker) = Wakes::new();
    loop {
        // A future of its own for every poll: what it took must not be lost with it.
        match pin!(stream.next()).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(item) => return item,
            Poll::Pending => assert!(wakes.take() > 0, "pending, and nobody will wake it"),
        }
    }
}

/// Everything, as [`next`] gives it.
pub(crate) fn drain<S: Stream>(stream: S) -> Vec<S::Item> {
    let mut stream = pin!(stream);
    let mut items = Vec::new();
    while let Some(item) = next(&mut stream) {
        items.push(item);
    }
    items
}

/// What a future resolves to, polled as [`next`] does.
pub(crate) fn resolve<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let (wakes, waker) = Wakes::new();
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => assert!(wakes.take() > 0, "pending, and nobody will wake it"),
        }
    }
}

/// A stream of any operator's, its items as text.
pub(crate) type Shown = Pin<Box<dyn FusedStream<Item = String>>>;

/// Makes one stream type of all, and leaves size hint and termination as they are.
pub(crate) fn shown<S>(stream: S) -> Shown
where
    S: FusedStream<Item: Debug> + 'static,
{
    shown_as(stream, |item| format!("{item:?}"))
}

/// [`shown`], for items that cannot be shown as they are.
pub(crate) fn shown_as<S, F>(stream: S, show: F) -> Shown
where
    S: FusedStream + 'static,
    F: FnMut(S::Item) -> String + Unpin + 'static,
{
    Box::pin(ShownAs { stream: Box::pin(stream), show })
}

struct ShownAs<S, F> {
    stream: Pin<Box<S>>,
    show: F,
}

impl<S, F> Stream for ShownAs<S, F>
where
    S: FusedStream,
    F: FnMut(S::Item) -> String + Unpin,
{
    type Item = String;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<String>> {
        let Self { stream, show } = self.get_mut();
        stream.as_mut().poll_next(cx).map(|item| item.map(show))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

impl<S, F> FusedStream for ShownAs<S, F>
where
    S: FusedStream,
    F: FnMut(S::Item) -> String + Unpin,
{
    fn is_terminated(&self) -> bool {
        self.stream.is_terminated()
    }
}

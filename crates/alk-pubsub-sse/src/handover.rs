use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use pin_project_lite::pin_project;

use crate::body::SseBody;
use crate::sweep::lock;

/// A place for a stream on its way from [`SseRelay`](crate::SseRelay) to a server that writes it to the socket by itself.
///
/// HTTP libraries are made for answers that end, and what they keep for a connection costs more than a stream that lasts. A
/// server that can do without puts one of these into the extensions of a request. Then the stream is not in the answer, whose
/// body is empty, but [here](Self::take).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use alk_pubsub_core::InProcessEventTarget;
/// use alk_pubsub_sse::{Handover, handler};
/// use tower::ServiceExt;
///
/// let app = axum::Router::<()>::new().route("/events", handler(InProcessEventTarget::in_process()));
/// let handover = Handover::default();
/// let mut request = http::Request::get("/events?topic=a").body(axum::body::Body::empty()).unwrap();
/// request.extensions_mut().insert(handover.clone());
///
/// let answer = app.oneshot(request).await.unwrap();
/// let mut stream = std::pin::pin!(handover.take().expect("it is there, since the answer is 200"));
/// assert_eq!(answer.headers()["content-type"], "text/event-stream");
/// let piece = std::future::poll_fn(|cx| stream.as_mut().poll_piece(cx)).await;
/// assert_eq!(piece.unwrap(), ": subscribed\n\n");
/// # })
/// ```
#[derive(Clone, Default)]
pub struct Handover(Arc<Mutex<Option<EventStream>>>);

pin_project! {
    /// An event stream as its bytes, without the framing of HTTP. [`Handover`] has an example. It holds no events while nobody
    /// asks for them: what waits beyond its bounds is left out, and accounted for by a gap. Dropping it unsubscribes.
    pub struct EventStream {
        #[pin]
        body: SseBody,
    }
}

impl Handover {
    /// The stream, if the answer is one. Once.
    #[must_use]
    pub fn take(&self) -> Option<EventStream> {
        lock(&self.0).take()
    }

    pub(crate) fn put(&self, body: SseBody) {
        *lock(&self.0) = Some(EventStream { body });
    }
}

impl EventStream {
    /// The next piece, never an empty one: some events, or what else the client is told. `None` at the end. To be called in a
    /// runtime with timers.
    ///
    /// `Pending` takes nothing, and wakes the task that called last. A piece that was handed out is not handed out again.
    pub fn poll_piece(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let task = cx.waker().clone();
        self.project().body.poll_piece(cx, Some(&task))
    }

    /// As [`poll_piece`](Self::poll_piece), for a task that is one of very many: events wake the task of `cx`, and whatever else
    /// concerns the stream wakes `rest`. Without `rest` only events are looked at, which is for when nothing has woken it since a
    /// poll with it was `Pending` or left the stream [idle](Self::is_idle). See [`Attention`](crate::Attention).
    ///
    /// ```
    /// # async fn example(mut stream: std::pin::Pin<&mut alk_pubsub_sse::EventStream>) {
    /// use alk_pubsub_sse::Attention;
    ///
    /// let mut attention = Attention::new();
    /// let piece = std::future::poll_fn(|cx| {
    ///     let everything = attention.take(cx);
    ///     let polled = stream.as_mut().poll_piece_with(cx, everything.then_some(attention.waker()));
    ///     if everything && polled.is_ready() && !stream.is_idle() {
    ///         // Not everything was looked at before there was a piece.
    ///         attention.want();
    ///     }
    ///     polled
    /// })
    /// .await;
    /// # let _ = piece; }
    /// ```
    pub fn poll_piece_with(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        rest: Option<&Waker>,
    ) -> Poll<Option<Bytes>> {
        self.project().body.poll_piece(cx, rest)
    }

    /// Whether nothing was left behind the last piece, and the task that got it is woken when there is more. So who has written
    /// it before its task returned need not look again.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.body.is_idle()
    }
}

impl fmt::Debug for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handover").finish_non_exhaustive()
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").finish_non_exhaustive()
    }
}

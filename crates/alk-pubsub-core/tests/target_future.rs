//! The future that targets return.

use std::future::poll_fn;
use std::task::Poll;

use alk_pubsub_core::TargetFuture;
use futures_util::FutureExt;

/// Pending once.
fn later(value: u32) -> TargetFuture<u32> {
    let mut pending = true;
    TargetFuture::boxed(poll_fn(move |cx| {
        if std::mem::take(&mut pending) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(value)
    }))
}

#[tokio::test]
async fn what_is_ready_is_ready_at_once() {
    assert_eq!(TargetFuture::ready(1).now_or_never(), Some(1));
    assert_eq!(TargetFuture::ready(1).try_ready().unwrap(), 1);
    assert_eq!(TargetFuture::ready(1).map(|value| value + 1).try_ready().unwrap(), 2);
    assert_eq!(TargetFuture::ready(1).await, 1);
    assert_eq!(format!("{:?}", TargetFuture::ready(1)), "TargetFuture(ready)");
}

#[tokio::test]
async fn what_is_not_ready_is_waited_for() {
    assert_eq!(later(1).await, 1);
    let waiting = later(1).try_ready().unwrap_err();
    assert_eq!(format!("{waiting:?}"), "TargetFuture(waiting)");
    assert_eq!(waiting.map(|value| value + 1).await, 2);
}

#[test]
fn what_is_mapped_is_mapped_now_or_when_it_is_there() {
    let mut mapped = false;
    let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let set = |flag: &std::sync::Arc<std::sync::atomic::AtomicBool>| {
        let flag = flag.clone();
        move |_| flag.store(true, std::sync::atomic::Ordering::SeqCst)
    };
    let _ready = TargetFuture::ready(1).map(set(&flag));
    mapped |= flag.swap(false, std::sync::atomic::Ordering::SeqCst);
    assert!(mapped, "without being polled");
    drop(later(1).map(set(&flag)));
    assert!(!flag.load(std::sync::atomic::Ordering::SeqCst), "never");
}

#[test]
fn it_goes_to_other_threads() {
    fn sends<T: Send + Unpin + 'static>(_: T) {}
    sends(TargetFuture::ready(1));
}

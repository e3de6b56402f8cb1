//! `batch` and `window_time`, and the clock.

mod operators_support;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use alk_pubsub_core::operators::{StreamPipe, batch, window_time};
use futures_core::Stream;
use futures_util::{StreamExt, stream};
use operators_support::{Script, Tells, poll_once};
use tokio::sync::mpsc;
use tokio::task::coop;
use tokio::time::{Instant, advance, sleep_until};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A source that gives each item at its time, in milliseconds from now, and then ends.
fn arriving(times: impl IntoIterator<Item = u64>) -> impl Stream<Item = u64> {
    let start = Instant::now();
    let times: Vec<u64> = times.into_iter().collect();
    Box::pin(stream::iter(times).then(move |at| async move {
        sleep_until(start + ms(at)).await;
        at
    }))
}

/// What comes and when, in milliseconds from now.
async fn timed<S: Stream>(stream: S) -> Vec<(u64, S::Item)> {
    let start = Instant::now();
    pin!(stream).map(|item| (start.elapsed().as_millis() as u64, item)).collect().await
}

#[tokio::test(start_paused = true)]
async fn batch_at_the_exact_deadline() {
    let (events, mut received) = mpsc::channel(8);
    let mut batches = stream::poll_fn(move |cx| received.poll_recv(cx)).pipe(batch(100, ms(50)));
    assert_eq!(poll_once(&mut batches), Poll::Pending);
    advance(ms(500)).await; // no item, no deadline
    assert_eq!(poll_once(&mut batches), Poll::Pending);

    events.send(1).await.unwrap();
    assert_eq!(poll_once(&mut batches), Poll::Pending);
    advance(ms(49)).await;
    events.send(2).await.unwrap();
    assert_eq!(poll_once(&mut batches), Poll::Pending);
    advance(ms(1)).await;
    assert_eq!(poll_once(&mut batches), Poll::Ready(Some(vec![1, 2])));
    assert_eq!(poll_once(&mut batches), Poll::Pending);
}

#[tokio::test(start_paused = true)]
async fn batch_wakes_its_task_at_the_deadline() {
    let start = Instant::now();
    let mut batches = stream::iter([1]).chain(stream::pending()).pipe(batch(100, ms(50)));
    assert_eq!(batches.next().await, Some(vec![1]));
    assert_eq!(start.elapsed(), ms(50));
}

#[tokio::test(start_paused = true)]
async fn an_item_that_is_there_at_the_deadline_comes_along() {
    let batches = timed(arriving([0, 50, 60]).pipe(batch(100, ms(50)))).await;
    assert_eq!(batches, [(50, vec![0, 50]), (60, vec![60])]);
}

#[tokio::test(start_paused = true)]
async fn each_batch_has_a_deadline_of_its_own() {
    // The first is full before its deadline at 50, which means nothing to the second.
    let batches = timed(arriving([0, 10, 20, 65, 75, 200]).pipe(batch(2, ms(50)))).await;
    assert_eq!(batches, [(10, vec![0, 10]), (65, vec![20, 65]), (125, vec![75]), (200, vec![200])]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passed_while_nobody_polled_is_honoured_by_the_next_poll() {
    let mut batches = stream::iter([1]).chain(stream::pending()).pipe(batch(100, ms(50)));
    assert_eq!(poll_once(&mut batches), Poll::Pending);
    advance(ms(1000)).await;
    assert_eq!(poll_once(&mut batches), Poll::Ready(Some(vec![1])));
}

#[tokio::test(start_paused = true)]
async fn a_delay_longer_than_the_clock_counts_is_for_ever() {
    let batches = timed(arriving([0, 10_000_000]).pipe(batch(100, Duration::MAX))).await;
    assert_eq!(batches, [(10_000_000, vec![0, 10_000_000])]);
    let windows = timed(arriving([0, 10_000_000]).pipe(window_time(Duration::MAX))).await;
    assert_eq!(windows, [(10_000_000, vec![0, 10_000_000])]);
}

#[test]
fn a_source_that_is_never_pending_does_not_put_off_the_deadline() {
    // On the real clock, which this source does not let anybody else look at.
    let mut batches = stream::repeat(1).pipe(batch(usize::MAX, ms(5)));
    assert!(matches!(poll_once(&mut batches), Poll::Ready(Some(batch)) if !batch.is_empty()));
    let mut windows = stream::repeat(1).pipe(window_time(ms(5)).max_items(usize::MAX));
    assert!(matches!(poll_once(&mut windows), Poll::Ready(Some(window)) if !window.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_has_used_up_its_budget_is_given_the_batch_at_the_deadline() {
    let mut batches = stream::iter([1]).chain(stream::pending()).pipe(batch(100, ms(50)));
    assert_eq!(poll_once(&mut batches), Poll::Pending);
    advance(ms(50)).await;
    let polled = poll_fn(|cx| {
        while let Poll::Ready(budget) = coop::poll_proceed(cx) {
            budget.made_progress();
        }
        Poll::Ready(poll_once(&mut batches)) // tokio's timer alone would be pending here
    });
    assert_eq!(polled.await, Poll::Ready(Some(vec![1])));
}

#[tokio::test(start_paused = true)]
async fn time_windows_follow_each_other_and_empty_ones_are_skipped() {
    let windows = timed(arriving([5, 10, 44, 45, 84, 500, 525, 530]).pipe(window_time(ms(40)))).await;
    // 5 to 45, 45 to 85, and then 485 to 525 and what follows it.
    let expected = [(45, vec![5, 10, 44]), (85, vec![45, 84]), (525, vec![500]), (530, vec![525, 530])];
    assert_eq!(windows, expected);
}

#[tokio::test(start_paused = true)]
async fn a_full_time_window_is_given_out_before_its_time_and_goes_on() {
    let windows = timed(arriving([0, 10, 20, 39, 40]).pipe(window_time(ms(40)).max_items(2))).await;
    assert_eq!(windows, [(10, vec![0, 10]), (39, vec![20, 39]), (40, vec![40])]);
    let windows = timed(arriving([0, 10, 39, 40, 79, 80]).pipe(window_time(ms(40)).max_items(2))).await;
    assert_eq!(windows, [(10, vec![0, 10]), (40, vec![39]), (79, vec![40, 79]), (80, vec![80])]);
}

#[tokio::test(start_paused = true)]
async fn time_windows_of_one_item_never_hold_two() {
    let windows = timed(arriving([0, 40, 80]).pipe(window_time(ms(40)).max_items(1))).await;
    assert_eq!(windows, [(0, vec![0]), (40, vec![40]), (80, vec![80])]);
}

#[tokio::test(start_paused = true)]
async fn a_time_window_polled_late_closes_when_it_should_have() {
    let script = Script::new([Some(1), None, Some(2), None, Some(3)], Tells::All);
    let mut windows = script.pipe(window_time(ms(40)));
    assert_eq!(poll_once(&mut windows), Poll::Pending);
    advance(ms(100)).await;
    assert_eq!(poll_once(&mut windows), Poll::Ready(Some(vec![1])));
    assert_eq!(poll_once(&mut windows), Poll::Pending);
    advance(ms(20)).await; // the window of 2 is that from 80 to 120
    assert_eq!(poll_once(&mut windows), Poll::Ready(Some(vec![2])));
    assert_eq!(poll_once(&mut windows), Poll::Ready(Some(vec![3])));
    assert_eq!(poll_once(&mut windows), Poll::Ready(None));
}

#[test]
#[should_panic(expected = "no reactor running")]
fn waiting_for_a_deadline_outside_a_runtime_panics() {
    let mut batches = Script::new([Some(1), None], Tells::All).pipe(batch(2, ms(50)));
    let _ = poll_once(&mut batches);
}

//! `group_by`: what groups hold and lose, who drives, and who is woken.

mod operators_support;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use alk_pubsub_core::operators::{Group, GroupByStream, GroupLimits, StreamPipe, group_by, map};
use futures_core::{FusedStream, Stream};
use futures_util::{StreamExt, stream};
use operators_support::{Script, Tells, Wakes, drain, next, poll_once};
use tokio::sync::mpsc;

/// Items of `key * 100 + number` are grouped by their key.
fn key(item: &u32) -> u32 {
    item / 100
}

fn limits(max_groups: usize, capacity: usize) -> GroupLimits {
    GroupLimits::default().with_max_groups(max_groups).with_capacity(capacity)
}

/// A source to put items into one by one.
fn channel() -> (mpsc::Sender<u32>, impl Stream<Item = u32> + Unpin + Send) {
    let (sender, mut receiver) = mpsc::channel(1024);
    (sender, stream::poll_fn(move |cx| receiver.poll_recv(cx)))
}

#[tokio::test]
async fn ten_thousand_keys_and_one_reader() {
    const KEYS: u32 = 10_000;
    let items = (0..20).flat_map(|round| (0..KEYS).map(move |key| (key, round)));
    let mut groups = stream::iter(items).pipe(group_by(|(key, _)| *key, limits(10_000, 8)));
    let mut unread = Vec::new();
    while unread.len() < KEYS as usize {
        unread.push(groups.next().await.unwrap());
    }
    let (_, mut read) = unread.remove(42);
    for round in 0..20 {
        assert_eq!(read.next().await, Some((42, round)));
    }
    assert_eq!((read.next().await, read.missed()), (None, 0));

    assert!(groups.next().await.is_none());
    assert_eq!(groups.missed(), 0);
    for (key, group) in unread {
        assert_eq!(group.missed(), 12);
        assert!(group.collect::<Vec<_>>().await.into_iter().eq((12..20).map(|round| (key, round))));
    }
}

#[test]
fn an_unread_group_loses_its_own_oldest_and_counts_them() {
    let mut groups = Script::of([100, 101, 200, 102, 103, 201]).pipe(group_by(key, limits(8, 2)));
    let (_, one) = next(&mut groups).unwrap();
    let (_, two) = next(&mut groups).unwrap();
    assert!(next(&mut groups).is_none());
    assert_eq!((one.missed(), two.missed()), (2, 0));
    assert_eq!((drain(one), drain(two)), (vec![102, 103], vec![200, 201]));
}

#[test]
fn at_max_groups_the_longest_idle_ends_after_what_it_holds() {
    let mut groups = Script::of([100, 200, 101, 300, 201, 102]).pipe(group_by(key, limits(2, 8)));
    let (_, mut one) = next(&mut groups).unwrap();
    let (_, mut two) = next(&mut groups).unwrap();
    // 300 needs room, and 2 has been idle for longer than 1.
    let (three_key, mut three) = next(&mut groups).unwrap();
    assert_eq!(three_key, 3);
    assert!(!two.is_terminated());
    assert_eq!(two.size_hint(), (1, Some(1)));
    assert_eq!((next(&mut two), next(&mut two)), (Some(200), None));
    // 201 begins a new group of key 2, which in turn ends that of 1, which holds 100 and 101.
    let (two_again, mut two) = next(&mut groups).unwrap();
    assert_eq!((two_again, next(&mut two)), (2, Some(201)));
    assert_eq!([next(&mut one), next(&mut one), next(&mut one)], [Some(100), Some(101), None]);
    // And 102 a new one of key 1, which ends that of 3.
    assert!(matches!(next(&mut groups), Some((1, _))));
    assert_eq!((next(&mut three), next(&mut three)), (Some(300), None));
    assert_eq!(groups.missed(), 0);
}

#[test]
fn a_waiting_reader_is_woken_when_its_group_ends_to_make_room() {
    let (sender, source) = channel();
    let mut groups = source.pipe(group_by(key, limits(1, 8)));
    sender.try_send(100).unwrap();
    let (_, mut one) = next(&mut groups).unwrap();
    assert_eq!(next(&mut one), Some(100));
    let (wakes, waker) = Wakes::new();
    assert!(one.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
    sender.try_send(200).unwrap();
    wakes.take();
    assert!(one.poll_next_unpin(&mut Context::from_waker(&waker)).is_ready(), "it drives, and ends itself");

    let (_, mut two) = next(&mut groups).unwrap();
    assert_eq!(next(&mut two), Some(200));
    assert!(two.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
    sender.try_send(300).unwrap();
    let _three = next(&mut groups).unwrap();
    assert!(wakes.take() > 0);
    assert_eq!(poll_once(&mut two), Poll::Ready(None));
}

#[test]
fn a_key_whose_group_was_dropped_begins_anew() {
    let mut groups = Script::of([100, 101, 200, 102]).pipe(group_by(key, limits(8, 8)));
    let (_, mut one) = next(&mut groups).unwrap();
    assert_eq!(next(&mut one), Some(100));
    drop(one);
    let (again, mut one) = next(&mut groups).unwrap();
    assert_eq!((again, next(&mut one)), (1, Some(101)));
    assert!(matches!(next(&mut groups), Some((2, _))));
    assert_eq!((next(&mut one), next(&mut one)), (Some(102), None));
}

#[test]
fn groups_that_were_dropped_make_room_first() {
    let mut groups = Script::of([100, 200, 300, 400, 101]).pipe(group_by(key, limits(3, 8)));
    let (_, mut one) = next(&mut groups).unwrap();
    let two = next(&mut groups).unwrap();
    let three = next(&mut groups).unwrap();
    drop(three);
    assert!(matches!(next(&mut groups), Some((4, _))));
    // The dropped one made room for it, and not the longest idle, which are still live.
    assert_eq!([next(&mut one), next(&mut one), next(&mut one)], [Some(100), Some(101), None]);
    assert_eq!(drain(two.1), [200]);
}

#[test]
fn groups_that_nobody_takes_are_lost_oldest_first_and_counted() {
    let items = [900, 100, 101, 102, 200, 901, 300, 902, 400, 903];
    let mut groups = Script::of(items).pipe(group_by(key, limits(3, 2)));
    let (_, nine) = next(&mut groups).unwrap();
    assert_eq!(drain(nine), [900, 901, 902, 903]);
    // When 4 began, 1, 2 and 3 were waiting, 1 for longest: 101 and 102 were in it, and 100 it had lost
    // before.
    assert_eq!(groups.missed(), 3);
    let groups: Vec<_> = drain(groups.map(|(key, group)| (key, drain(group))));
    assert_eq!(groups, [(2, vec![200]), (3, vec![300]), (4, vec![400])]);
}

#[test]
fn all_end_after_what_they_hold_when_the_source_ends() {
    let mut groups = Script::of([100, 200, 101, 201]).pipe(group_by(key, limits(8, 8)));
    let (_, one) = next(&mut groups).unwrap();
    let (_, mut two) = next(&mut groups).unwrap();
    assert_eq!(two.size_hint(), (1, None));
    assert!(next(&mut groups).is_none() && groups.is_terminated());
    assert_eq!(two.size_hint(), (2, Some(2)));
    assert!(!two.is_terminated());
    assert_eq!([next(&mut two), next(&mut two), next(&mut two)], [Some(200), Some(201), None]);
    assert!(two.is_terminated());
    assert_eq!(drain(one), [100, 101]);
}

#[test]
fn a_group_drives_the_source_while_the_stream_of_groups_is_not_polled() {
    let steps = [Some(100), None, Some(200), Some(101), None, Some(102)];
    let mut groups = Script::new(steps, Tells::All).pipe(group_by(key, limits(8, 8)));
    let (_, mut one) = next(&mut groups).unwrap();
    assert_eq!(
        [next(&mut one), next(&mut one), next(&mut one), next(&mut one)],
        [Some(100), Some(101), Some(102), None]
    );
    let (two_key, two) = next(&mut groups).unwrap();
    assert_eq!((two_key, drain(two)), (2, vec![200]));
}

#[test]
fn without_the_stream_of_groups_no_group_begins_and_those_there_are_go_on() {
    let script = Script::of([100, 200, 101, 300, 102]);
    let source = script.watch();
    let mut groups = script.pipe(group_by(key, limits(1, 8)));
    let (_, mut one) = next(&mut groups).unwrap();
    drop(groups);
    assert_eq!(next(&mut one), Some(100));
    assert!(!source.is_dropped());
    assert_eq!(
        [next(&mut one), next(&mut one), next(&mut one)],
        [Some(101), Some(102), None],
        "and 1 is still live"
    );
    assert!(source.is_dropped());
}

#[test]
fn dropping_the_stream_of_groups_and_all_groups_drops_the_source() {
    for groups_first in [true, false] {
        let script = Script::new([Some(100), Some(200), None], Tells::All);
        let source = script.watch();
        let mut groups = script.pipe(group_by(key, limits(8, 8)));
        let (_, mut one) = next(&mut groups).unwrap();
        assert_eq!(poll_once(&mut one), Poll::Ready(Some(100)));
        // 2 is there and not taken, and the source has a waker of ours.
        assert_eq!(poll_once(&mut one), Poll::Pending);
        let (first, last): (Box<dyn std::any::Any>, Box<dyn std::any::Any>) =
            if groups_first { (Box::new(groups), Box::new(one)) } else { (Box::new(one), Box::new(groups)) };
        drop(first);
        assert!(!source.is_dropped());
        drop(last);
        assert!(source.is_dropped());
    }
}

#[test]
fn a_source_that_keeps_its_waker_does_not_keep_itself_alive() {
    let (sender, source) = channel();
    let mut groups = source.pipe(group_by(key, limits(8, 8)));
    assert!(poll_once(&mut groups).is_pending());
    drop(groups);
    assert!(sender.is_closed());
}

#[test]
fn when_the_reader_who_polled_the_source_goes_away_the_others_are_woken() {
    let (sender, source) = channel();
    let mut groups = source.pipe(group_by(key, limits(8, 8)));
    sender.try_send(100).unwrap();
    let (_, mut one) = next(&mut groups).unwrap();
    sender.try_send(200).unwrap();
    let (_, mut two) = next(&mut groups).unwrap();
    assert_eq!((next(&mut one), next(&mut two)), (Some(100), Some(200)));

    let (stream_wakes, stream_waker) = Wakes::new();
    let (one_wakes, one_waker) = Wakes::new();
    let (two_wakes, two_waker) = Wakes::new();
    assert!(groups.poll_next_unpin(&mut Context::from_waker(&stream_waker)).is_pending());
    assert!(one.poll_next_unpin(&mut Context::from_waker(&one_waker)).is_pending());
    assert!(two.poll_next_unpin(&mut Context::from_waker(&two_waker)).is_pending());
    // The stream of groups polled the source and is gone, and 1 will never be polled again.
    drop(groups);
    sender.try_send(201).unwrap();
    assert_eq!((stream_wakes.take(), one_wakes.take(), two_wakes.take()), (0, 1, 1));
    assert_eq!(two.poll_next_unpin(&mut Context::from_waker(&two_waker)), Poll::Ready(Some(201)));
    // Nobody is woken twice for nothing.
    assert!(two.poll_next_unpin(&mut Context::from_waker(&two_waker)).is_pending());
    sender.try_send(202).unwrap();
    assert_eq!((one_wakes.take(), two_wakes.take()), (0, 1));
}

#[test]
fn an_item_for_a_waiting_reader_wakes_it_whoever_drives() {
    let (sender, source) = channel();
    let mut groups = source.pipe(group_by(key, limits(8, 8)));
    sender.try_send(100).unwrap();
    let (_, mut one) = next(&mut groups).unwrap();
    assert_eq!(next(&mut one), Some(100));
    let (wakes, waker) = Wakes::new();
    assert!(one.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
    sender.try_send(101).unwrap();
    assert_eq!(wakes.take(), 1, "the source is ready");
    assert!(poll_once(&mut groups).is_pending());
    assert_eq!(poll_once(&mut one), Poll::Ready(Some(101)));
}

#[test]
fn a_source_that_wakes_itself_is_polled_once_a_poll() {
    let polls = Rc::new(RefCell::new(0));
    let count = Rc::clone(&polls);
    let yielding = stream::poll_fn(move |cx| {
        *count.borrow_mut() += 1;
        cx.waker().wake_by_ref();
        Poll::<Option<u32>>::Pending
    });
    let mut groups = yielding.pipe(group_by(key, limits(8, 8)));
    let (wakes, waker) = Wakes::new();
    for poll in 1..5 {
        assert!(groups.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(*polls.borrow(), poll);
        assert!(wakes.take() > 0);
    }
}

#[tokio::test]
async fn readers_on_one_thread_that_take_turns_lose_nothing() {
    // The source is never pending, and the groups are small.
    let items = (0..10_000).map(|n| (n % 3) * 100 + n % 100);
    let mut groups = stream::iter(items).pipe(group_by(key, limits(8, 4)));
    let mut readers = Vec::new();
    while let Some((_, mut group)) = groups.next().await {
        readers.push(tokio::spawn(async move {
            let mut read = 0;
            while group.next().await.is_some() {
                read += 1;
            }
            (read, group.missed())
        }));
    }
    let mut total = 0;
    for reader in readers {
        let (read, missed) = reader.await.unwrap();
        assert_eq!(missed, 0);
        total += read;
    }
    assert_eq!(total, 10_000);
}

type Source = Pin<Box<dyn Stream<Item = u32>>>;
type Key = Box<dyn FnMut(&u32) -> u32>;
type Groups = GroupByStream<Source, u32, Key>;

type Shared<T> = Rc<RefCell<T>>;

/// Polls something, and says whether it was pending.
type PollPending = Box<dyn FnMut(&mut Context<'_>) -> bool>;

/// Somebody who is polled while another drives, as if on another thread: by the key function, at each item
/// that ends in 55 or 66. At the latter it then panics.
struct Contender {
    poll: Shared<Option<PollPending>>,
    wakes: Arc<Wakes>,
}

impl Contender {
    fn new(max_groups: usize) -> (Self, mpsc::Sender<u32>, Groups) {
        let (sender, source) = channel();
        let contender = Self { poll: Rc::default(), wakes: Arc::default() };
        let (poll, waker) = (Rc::clone(&contender.poll), Waker::from(Arc::clone(&contender.wakes)));
        let key: Key = Box::new(move |n| {
            if matches!(n % 100, 55 | 66) {
                let mut poll = poll.borrow_mut();
                assert!(
                    (poll.as_mut().expect("there is a contender"))(&mut Context::from_waker(&waker)),
                    "must be pending: another drives"
                );
            }
            assert!(n % 100 != 66, "key");
            n / 100
        });
        let source: Source = Box::pin(source);
        (contender, sender, source.pipe(group_by(key, limits(max_groups, 8))))
    }

    /// Makes `stream` the contender until what this returns is dropped.
    fn is<S: Stream + Unpin + 'static>(&self, stream: S) -> Contending<S> {
        let stream = Rc::new(RefCell::new(stream));
        let polled = Rc::clone(&stream);
        let poll = move |cx: &mut Context<'_>| polled.borrow_mut().poll_next_unpin(cx).is_pending();
        *self.poll.borrow_mut() = Some(Box::new(poll));
        Contending { poll: Rc::clone(&self.poll), stream }
    }
}

struct Contending<S> {
    poll: Shared<Option<PollPending>>,
    stream: Rc<RefCell<S>>,
}

impl<S: Stream + Unpin> Contending<S> {
    fn next(&self) -> Option<S::Item> {
        next(&mut *self.stream.borrow_mut())
    }
}

impl<S> Drop for Contending<S> {
    fn drop(&mut self) {
        self.poll.borrow_mut().take();
    }
}

/// The next group, which has one item.
fn next_group(groups: &mut Groups, sender: &mpsc::Sender<u32>, first: u32) -> Group<Source, u32, Key> {
    sender.try_send(first).expect("there is room");
    let (_, mut group) = next(groups).expect("a group begins");
    assert_eq!(next(&mut group), Some(first));
    group
}

#[test]
fn who_comes_while_another_drives_is_woken_when_that_one_stops() {
    let (contender, sender, mut groups) = Contender::new(8);
    let one = contender.is(next_group(&mut groups, &sender, 100));
    // A new group: its reader stops there, without having seen the source pending.
    sender.try_send(555).unwrap();
    sender.try_send(101).unwrap();
    assert!(matches!(poll_once(&mut groups), Poll::Ready(Some((5, _)))));
    assert_eq!(contender.wakes.take(), 1);
    assert_eq!(one.next(), Some(101));
}

#[test]
fn who_comes_while_another_drives_is_woken_by_an_item() {
    let (contender, sender, mut groups) = Contender::new(8);
    let one = contender.is(next_group(&mut groups, &sender, 100));
    sender.try_send(155).unwrap();
    assert!(poll_once(&mut groups).is_pending());
    assert_eq!(contender.wakes.take(), 1);
    assert_eq!(one.next(), Some(155));
}

#[test]
fn who_comes_while_another_drives_is_woken_by_a_group() {
    let (contender, sender, mut groups) = Contender::new(8);
    let mut one = next_group(&mut groups, &sender, 100);
    let groups = contender.is(groups);
    sender.try_send(255).unwrap();
    assert!(poll_once(&mut one).is_pending());
    assert_eq!(contender.wakes.take(), 1);
    assert!(matches!(groups.next(), Some((2, _))));
}

#[test]
fn who_comes_while_another_drives_is_woken_when_its_group_makes_room() {
    let (contender, sender, mut groups) = Contender::new(2);
    let one = contender.is(next_group(&mut groups, &sender, 100));
    let mut two = next_group(&mut groups, &sender, 200);
    sender.try_send(355).unwrap();
    assert!(poll_once(&mut two).is_pending());
    assert_eq!(contender.wakes.take(), 1);
    assert_eq!(one.next(), None);
}

#[test]
fn a_panic_in_the_key_function_ends_all_and_wakes_who_waits() {
    let (contender, sender, mut groups) = Contender::new(8);
    let mut two = next_group(&mut groups, &sender, 200);
    let one = contender.is(next_group(&mut groups, &sender, 100));
    sender.try_send(201).unwrap();
    sender.try_send(166).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(&mut groups))).is_err());
    assert_eq!(contender.wakes.take(), 1);
    assert_eq!(one.next(), None);
    assert_eq!((next(&mut two), next(&mut two)), (Some(201), None));
    assert!(next(&mut groups).is_none());
    assert!(sender.is_closed());
}

type Boxed = Pin<Box<dyn Stream<Item = Rc<Payload>>>>;
type Keyed = Box<dyn FnMut(&Rc<Payload>) -> u32>;
type Kept = Rc<RefCell<Vec<Group<Boxed, u32, Keyed>>>>;

/// Something that uses the groups when it is dropped.
struct Payload {
    key: u32,
    kept: Kept,
}

fn use_groups(kept: &Kept) {
    let Ok(mut groups) = kept.try_borrow_mut() else {
        return;
    };
    for group in groups.iter_mut() {
        let _ = (group.missed(), group.size_hint(), poll_once(group).map(std::mem::forget));
    }
    let dropped = groups.pop();
    drop(groups);
    drop(dropped);
}

impl Drop for Payload {
    fn drop(&mut self) {
        use_groups(&self.kept);
    }
}

#[test]
fn the_key_function_and_payloads_may_use_the_groups() {
    let kept = Kept::default();
    let payload = |key| Rc::new(Payload { key, kept: Rc::clone(&kept) });
    let items: Vec<_> = (0..200).map(|n| payload(n % 7)).collect();
    let in_key = Rc::clone(&kept);
    let key: Keyed = Box::new(move |payload| {
        use_groups(&in_key);
        payload.key
    });
    let source: Boxed = Box::pin(stream::iter(items));
    let mut groups: GroupByStream<Boxed, u32, Keyed> = source.pipe(group_by(key, limits(4, 2)));
    while let Some((_, group)) = next(&mut groups) {
        kept.borrow_mut().push(group);
    }
    drop(groups);
    drop(kept.take());
}

#[test]
fn a_waker_may_use_the_groups() {
    /// Polls a group where other wakers only take note.
    struct Eager<S: Stream, K, F>(Mutex<Option<Group<S, K, F>>>, AtomicU64);
    impl<S, F> std::task::Wake for Eager<S, u32, F>
    where
        S: Stream<Item = u32> + Send + 'static,
        F: FnMut(&u32) -> u32 + Send + 'static,
    {
        fn wake(self: Arc<Self>) {
            if let Some(group) = self.0.try_lock().unwrap().as_mut() {
                while poll_once(group).is_ready() {
                    self.1.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    }
    let (sender, source) = channel();
    let mut groups = source.pipe(group_by(key, limits(8, 8)));
    sender.try_send(100).unwrap();
    let (_, one) = next(&mut groups).unwrap();
    let eager = Arc::new(Eager(Mutex::new(None), AtomicU64::new(0)));
    *eager.0.lock().unwrap() = Some(one);
    let waker = Waker::from(Arc::clone(&eager));
    assert!(groups.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
    sender.try_send(101).unwrap();
    sender.try_send(102).unwrap();
    assert!(groups.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
    sender.try_send(103).unwrap();
    assert_eq!(eager.1.load(Ordering::SeqCst), 4);
    eager.0.lock().unwrap().take();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_on_many_threads_get_every_item_in_order() {
    const KEYS: u32 = 50;
    const EACH: u32 = 400;
    for round in 0..5 {
        let (sender, mut receiver) = mpsc::channel(16);
        let source = stream::poll_fn(move |cx| receiver.poll_recv(cx));
        let publisher = tokio::spawn(async move {
            for n in 0..EACH {
                for key in 0..KEYS {
                    sender.send((key, n)).await.unwrap();
                }
                if n % 7 == round {
                    tokio::task::yield_now().await;
                }
            }
        });
        let mut groups =
            source.pipe((map(|item| item), group_by(|(key, _)| *key, limits(100, EACH as usize))));
        let reading = async {
            let mut readers = Vec::new();
            for _ in 0..KEYS {
                let (key, mut group) = groups.next().await.unwrap();
                readers.push(tokio::spawn(async move {
                    for n in 0..EACH {
                        assert_eq!(group.next().await, Some((key, n)));
                        if n % 5 == key % 5 {
                            // A `next()` that is polled once, and dropped.
                            tokio::select! { biased;
                                () = std::future::ready(()) => {}
                                item = group.next() => panic!("{item:?}"),
                            }
                        }
                    }
                    assert_eq!((group.next().await, group.missed()), (None, 0));
                }));
            }
            // From here on nobody polls the stream of groups, which one of its tasks had polled last.
            for reader in readers {
                reader.await.unwrap();
            }
            assert!(groups.next().await.is_none());
        };
        tokio::time::timeout(Duration::from_secs(60), reading).await.expect("a wake-up was lost");
        publisher.await.unwrap();
    }
}

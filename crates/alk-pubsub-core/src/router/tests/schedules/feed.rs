//! A feed whose interests change while events are appended: each event once, in order.

use std::future::poll_fn;
use std::task::Poll;

use loom::future::block_on;
use loom::thread;

use super::super::fixture::Hub;
use super::explore::{explore, publish};
use crate::codec::Encoding;
use crate::event::Event;
use crate::feed::{Feed, FeedItem};
use crate::router::{Bounds, Framing};

/// One byte for each event: the number that it holds.
struct Numbers;

impl Framing for Numbers {
    fn name(&self) -> &'static str {
        "numbers"
    }

    fn encoding(&self) -> &Encoding {
        &Encoding::JSON
    }

    fn frame(&self, event: &Event, _: &[u8], out: &mut Vec<u8>) {
        out.push(*event.decode::<u64>().unwrap().payload() as u8);
    }
}

/// Reads until so many interests have ended.
fn all(feed: &mut Feed, interests: usize) -> Vec<u8> {
    let (mut numbers, mut ended) = (Vec::new(), 0);
    while ended < interests {
        let mut out = |item| match item {
            FeedItem::Frames { bytes, .. } => numbers.extend_from_slice(&bytes),
            FeedItem::Ended { .. } => ended += 1,
            FeedItem::Timed(_) => {}
            FeedItem::Gap(gap) => panic!("{gap:?}"),
        };
        block_on(poll_fn(|cx| feed.poll_items(cx, &Numbers, usize::MAX, &mut out)));
    }
    numbers
}

/// What there is now.
pub(super) fn read(feed: &mut Feed) -> Vec<u8> {
    let mut numbers = Vec::new();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut out = |item| {
        if let FeedItem::Frames { bytes, .. } = item {
            numbers.extend_from_slice(&bytes);
        }
    };
    while let Poll::Ready(()) = feed.poll_items(&mut cx, &Numbers, usize::MAX, &mut out) {}
    numbers
}

fn publisher(hub: &Hub, events: u64) -> thread::JoinHandle<()> {
    let hub = hub.clone();
    thread::spawn(move || {
        for number in 0..events {
            publish(&hub, "a:1", number);
        }
        hub.router().close();
    })
}

#[test]
fn one_interest_gets_everything_and_the_end() {
    explore(|| {
        let hub = Hub::new();
        let mut feed = Feed::new();
        feed.insert(hub.subscribe("a:1", Bounds::default()));
        let publisher = publisher(&hub, 2);
        assert_eq!(all(&mut feed, 1), [0, 1]);
        publisher.join().unwrap();
    });
}

/// Publishes 0 and 1 on a topic.
fn two_events(hub: &Hub) -> thread::JoinHandle<()> {
    let hub = hub.clone();
    thread::spawn(move || (0..2).for_each(|number| _ = publish(&hub, "a:1", number)))
}

#[test]
fn a_broader_interest_takes_over_without_a_seam() {
    explore(|| takes_over_without_a_seam(two_events));
}

#[test]
fn a_broader_interest_hands_back_without_a_seam() {
    explore(|| hands_back_without_a_seam(two_events));
}

/// `publisher` publishes 0 and 1 on the topic `a:1`.
pub(super) fn takes_over_without_a_seam(publisher: fn(&Hub) -> thread::JoinHandle<()>) {
    let hub = Hub::new();
    let mut feed = Feed::new();
    feed.insert(hub.subscribe("a:1", Bounds::default()));
    let publisher = publisher(&hub);
    feed.insert(hub.subscribe("a", Bounds::default()));
    sees_both(feed, publisher);
}

/// As [`takes_over_without_a_seam`], the other way round.
pub(super) fn hands_back_without_a_seam(publisher: fn(&Hub) -> thread::JoinHandle<()>) {
    let hub = Hub::new();
    let mut feed = Feed::new();
    feed.insert(hub.subscribe("a:1", Bounds::default()));
    feed.insert(hub.subscribe("a", Bounds::default()));
    let publisher = publisher(&hub);
    feed.remove(&"a".parse().unwrap());
    sees_both(feed, publisher);
}

fn sees_both(mut feed: Feed, publisher: thread::JoinHandle<()>) {
    let mut seen = read(&mut feed);
    publisher.join().unwrap();
    seen.extend(read(&mut feed));
    assert_eq!(seen, [0, 1]);
}

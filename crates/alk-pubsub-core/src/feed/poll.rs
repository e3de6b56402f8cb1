//! What a feed hands out, and how its task waits.

use std::task::{Context, Poll, Waker};

use super::backlog::Waiting;
use super::feed::{Feed, FeedItem};
use crate::event::Event;
use crate::gap::{Gap, GapReason};
use crate::name::Topic;
use crate::router::{Framing, Item, NextFrames, Wake};

impl Feed {
    /// Hands out what there is, about `most_bytes` of frames and at least one item, and registers the task for more.
    ///
    /// `Ready` if it handed out something; `Pending` if there was nothing.
    ///
    /// Cancel safe: what was handed out was taken, nothing else.
    pub fn poll_items(
        &mut self,
        cx: &mut Context<'_>,
        framing: &dyn Framing,
        most_bytes: usize,
        out: &mut dyn FnMut(FeedItem),
    ) -> Poll<()> {
        // Out of the way while members are looked at.
        let filter = self.filter.take();
        let polled = self.poll_filtered(
            cx,
            framing,
            most_bytes,
            Sink { bytes: 0, items: 0, filter: filter.as_deref(), out },
        );
        self.filter = filter;
        polled
    }

    /// Whether the last [poll](Self::poll_items) left nothing, so that its task is woken when there is more. Also where it
    /// handed out something; who knows this need not poll again to be woken.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waiting
    }

    fn poll_filtered(
        &mut self,
        cx: &mut Context<'_>,
        framing: &dyn Framing,
        most_bytes: usize,
        mut sink: Sink<'_>,
    ) -> Poll<()> {
        self.waiting = false;
        while sink.bytes < most_bytes.max(1) {
            match self.backlog.pop() {
                Some(Waiting::Item(item)) => {
                    sink.item(item, framing);
                    continue;
                }
                Some(Waiting::Ended(interest)) => {
                    sink.put(FeedItem::Ended { interest, error: None });
                    continue;
                }
                None => {}
            }
            if self.is_alone() {
                let again = self.look_at(0, cx.waker(), framing, &mut sink);
                // Where it has ended, the task waits for another one.
                if !again && self.is_alone() {
                    self.waiting = true;
                    break;
                }
                continue;
            }
            let Some(key) = self.turn.pop_front().or_else(|| self.ready.take(&mut self.turn, cx)) else {
                self.waiting = true;
                break;
            };
            if self.look_at(key, cx.waker(), framing, &mut sink) {
                self.turn.push_back(key);
            }
        }
        if sink.items > 0 { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Hands out what one member has, up to the end of what is encoded together. Whether to look again.
    fn look_at(&mut self, key: u32, task: &Waker, framing: &dyn Framing, sink: &mut Sink<'_>) -> bool {
        let alone = self.members.len() == 1;
        let member = self.members.get_mut(key as usize).and_then(Option::as_mut);
        let Some(member) = member.filter(|member| member.is_active() && !member.ended) else { return false };
        // Hidden is who others rely on.
        let hidden = !alone && !self.hidden.is_empty() && self.hidden.contains(member.interest());
        let looking_out = member.is_looking_out() || sink.filter.is_some() || hidden;
        let ended = match member.subscription.cursor() {
            Some(cursor) if !looking_out => match cursor.next_frames(framing) {
                NextFrames::Frames(frames) => {
                    sink.put(FeedItem::Frames { bytes: frames.bytes, events: frames.events });
                    if let Some(sample) = frames.timed {
                        sink.put(FeedItem::Timed(sample));
                    }
                    return true;
                }
                NextFrames::Gap(gap) => {
                    member.subscription.count(gap);
                    sink.put(FeedItem::Gap(gap));
                    return true;
                }
                NextFrames::Closed => true,
                NextFrames::Empty => false,
            },
            _ => match member.subscription.try_next() {
                Poll::Ready(Some(item)) => {
                    let position =
                        member.subscription.cursor().map_or(u64::MAX, |cursor| cursor.position() - 1);
                    let left_out =
                        |topic: &Topic| member.was_taken(position, topic) || member.leaves_out(topic);
                    let out = match &item {
                        Item::Event(event) => {
                            left_out(event.topic()) || (hidden && !self.wants(event.topic()))
                        }
                        Item::Gap(_) => false,
                    };
                    if !out {
                        sink.item(item, framing);
                    }
                    return true;
                }
                Poll::Ready(None) => true,
                Poll::Pending => false,
            },
        };
        if !ended {
            let wake = if alone { Wake::Task(task.clone()) } else { Wake::Member(self.ready.clone(), key) };
            if let Some(waits) = member.subscription.park(wake) {
                return !waits;
            }
        }
        member.ended = true;
        if hidden {
            let interest = member.interest().clone();
            self.hidden.remove(&interest);
            self.take_out(&interest, key);
            return false;
        }
        let (interest, error) = (member.interest().clone(), member.subscription.ended_by());
        sink.put(FeedItem::Ended { interest, error });
        false
    }
}

struct Sink<'a> {
    bytes: usize,
    items: usize,
    filter: Option<&'a (dyn Fn(&Event) -> bool + Send + Sync)>,
    out: &'a mut dyn FnMut(FeedItem),
}

impl Sink<'_> {
    fn put(&mut self, item: FeedItem) {
        self.items += 1;
        if let FeedItem::Frames { bytes, .. } = &item {
            self.bytes += bytes.len();
        }
        (self.out)(item);
    }

    /// Puts an event that is framed for itself alone.
    fn item(&mut self, item: Item, framing: &dyn Framing) {
        match item {
            Item::Gap(gap) => self.put(FeedItem::Gap(gap)),
            Item::Event(event) if self.filter.is_some_and(|filter| !filter(&event)) => {
                // It was work too: others are to have their turn.
                self.items += 1;
                self.bytes += event.encoded_len();
            }
            Item::Event(event) => match event.encode(framing.encoding()) {
                Ok(envelope) => {
                    let mut bytes = Vec::with_capacity(envelope.len() + 16);
                    framing.frame(&event, &envelope, &mut bytes);
                    self.put(FeedItem::Frames { bytes: bytes.into(), events: 1 });
                }
                Err(_) => self.put(FeedItem::Gap(Gap::new(GapReason::Undecodable, Some(1)))),
            },
        }
    }
}

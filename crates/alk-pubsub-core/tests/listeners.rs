//! Callback listeners: order, re-entrancy, panics, removal, gaps.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use alk_pubsub_core::{
    Dynamic, Event, EventListener, EventTarget, Gap, GapReason, InProcessEventTarget, Interest,
    ListenerGuard, ListenerId, PubSub, RawSubscription,
};

use support::{Wire, event, interest, no_deadlock, now, subscribe};

/// Writes down what it hears.
#[derive(Default)]
struct Notes {
    events: Mutex<Vec<u64>>,
    gaps: Mutex<Vec<Gap>>,
}

impl EventListener for Notes {
    fn on_event(&self, event: &Event) {
        self.events.lock().unwrap().push(*event.decode::<u64>().unwrap().payload());
    }

    fn on_gap(&self, gap: &Gap) {
        self.gaps.lock().unwrap().push(*gap);
    }
}

impl Notes {
    fn events(&self) -> Vec<u64> {
        self.events.lock().unwrap().clone()
    }

    fn gaps(&self) -> Vec<Gap> {
        self.gaps.lock().unwrap().clone()
    }
}

fn listen(target: &InProcessEventTarget, to: &str, listener: impl EventListener) -> ListenerGuard {
    now(target.add_event_listener(interest(to), Arc::new(listener)))
}

fn notes(target: &InProcessEventTarget, to: &str) -> (Arc<Notes>, ListenerGuard) {
    let notes = Arc::new(Notes::default());
    let guard = now(target.add_event_listener(interest(to), notes.clone()));
    (notes, guard)
}

fn publish(target: &InProcessEventTarget, to: &str, number: u64) -> u64 {
    target.try_dispatch_event(event(to, number)).unwrap().known_receivers().unwrap()
}

#[test]
fn it_hears_what_matches_from_when_it_was_added_until_it_is_removed() {
    let target = InProcessEventTarget::in_process();
    publish(&target, "a:1", 0);
    let (of_topic, topic_guard) = notes(&target, "a:1");
    let (of_type, type_guard) = notes(&target, "a");
    let (of_all, all_guard) = notes(&target, "*");
    assert_eq!(publish(&target, "a:1", 1), 3);
    assert_eq!(publish(&target, "a:2", 2), 2);
    assert_eq!(publish(&target, "b:1", 3), 1);
    drop(topic_guard);
    assert_eq!(publish(&target, "a:1", 4), 2);
    assert!(target.remove_event_listener(type_guard.id()));
    assert!(!target.remove_event_listener(type_guard.id()));
    assert!(!target.remove_event_listener(ListenerId::new(4711)));
    assert_eq!(publish(&target, "a:1", 5), 1);
    drop(all_guard);
    assert_eq!(publish(&target, "a:1", 6), 0);
    assert_eq!(
        (of_topic.events(), of_type.events(), of_all.events()),
        (vec![1], vec![1, 2, 4], vec![1, 2, 3, 4, 5])
    );
    assert_eq!(target.stats().interests, 0);
}

#[test]
fn a_detached_listener_stays_until_it_is_removed_by_its_id() {
    let target = InProcessEventTarget::in_process();
    let (notes, guard) = notes(&target, "a");
    let id = guard.detach();
    publish(&target, "a:1", 0);
    assert!(target.remove_event_listener(id));
    publish(&target, "a:1", 1);
    assert_eq!(notes.events(), [0]);
}

#[test]
fn a_listener_may_publish_to_its_own_topic() {
    let target = InProcessEventTarget::in_process();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let _guard = listen(&target, "a:1", {
        let (target, heard) = (target.clone(), heard.clone());
        move |event: &Event| {
            let number = *event.decode::<u64>().unwrap().payload();
            if number < 100 {
                publish(&target, "a:1", number + 1);
            }
            // Written down after it was answered: had the answer been heard within, the order would be another.
            heard.lock().unwrap().push(number);
        }
    });
    publish(&target, "a:1", 0);
    assert_eq!(*heard.lock().unwrap(), (0..=100).collect::<Vec<_>>());
}

#[test]
fn a_listener_that_panics_is_passed_over_and_stays() {
    let target = InProcessEventTarget::in_process();
    let calls = Arc::new(AtomicUsize::new(0));
    let _panics = listen(&target, "a:1", {
        let calls = calls.clone();
        move |_: &Event| {
            calls.fetch_add(1, Ordering::SeqCst);
            panic!("a listener panics");
        }
    });
    let (notes, _guard) = notes(&target, "a:1");
    std::panic::set_hook(Box::new(|_| {}));
    publish(&target, "a:1", 0);
    publish(&target, "a:1", 1);
    let _ = std::panic::take_hook();
    assert_eq!((calls.load(Ordering::SeqCst), notes.events()), (2, vec![0, 1]));
}

/// Listeners come and go within a call.
#[test]
fn a_listener_may_add_and_remove_listeners() {
    let target = InProcessEventTarget::in_process();
    let added = Arc::new(Mutex::new(Vec::new()));
    let own: Arc<Mutex<Option<ListenerGuard>>> = Arc::default();
    let calls = Arc::new(AtomicUsize::new(0));
    let guard = listen(&target, "a:1", {
        let (target, added, own, calls) = (target.clone(), added.clone(), own.clone(), calls.clone());
        move |_: &Event| {
            calls.fetch_add(1, Ordering::SeqCst);
            added.lock().unwrap().push(notes(&target, "a:1"));
            own.lock().unwrap().take();
        }
    });
    *own.lock().unwrap() = Some(guard);
    publish(&target, "a:1", 0);
    publish(&target, "a:1", 1);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    let added = added.lock().unwrap();
    assert_eq!(added.iter().map(|(notes, _)| notes.events()).collect::<Vec<_>>(), [vec![1]]);
}

/// Holds something that is foreign code to drop, and lets go of itself when it is called.
struct Owner {
    _subscription: RawSubscription,
    guard: Arc<Mutex<Option<ListenerGuard>>>,
}

impl EventListener for Owner {
    fn on_event(&self, _: &Event) {
        let guard = self.guard.lock().unwrap().take();
        drop(guard);
    }
}

#[test]
fn a_listener_may_go_while_it_is_called_by_a_publisher_that_stays() {
    let target = InProcessEventTarget::in_process();
    let publisher = PubSub::<Dynamic>::new(target.clone()).publisher("a", "1").unwrap();
    for round in 0..3_u64 {
        let guard = Arc::new(Mutex::new(None::<ListenerGuard>));
        let (own, calls) = (guard.clone(), Arc::new(AtomicUsize::new(0)));
        let called = calls.clone();
        let listener = move |_: &Event| {
            called.fetch_add(1, Ordering::Relaxed);
            drop(own.lock().unwrap().take());
        };
        *guard.lock().unwrap() = Some(listen(&target, "a:1", listener));
        let receivers = || publisher.try_publish(round.into()).unwrap().known_receivers();
        assert_eq!([receivers(), receivers()], [Some(1), Some(0)]);
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        let reader = subscribe(&target, "a:1");
        assert_eq!((receivers(), reader.len()), (Some(1), 1));
    }
}

#[test]
fn a_listener_that_goes_takes_its_subscription_with_it() {
    no_deadlock(|| {
        let target = InProcessEventTarget::in_process();
        let guard = Arc::new(Mutex::new(None));
        let owner = Owner { _subscription: subscribe(&target, "a:1"), guard: guard.clone() };
        *guard.lock().unwrap() = Some(listen(&target, "a:1", owner));
        // Whoever removed the first is still at the events that follow.
        let again = AtomicBool::new(true);
        let _second = listen(&target, "a:1", {
            let target = target.clone();
            move |_: &Event| {
                if again.swap(false, Ordering::SeqCst) {
                    publish(&target, "a:1", 1);
                }
            }
        });
        publish(&target, "a:1", 0);
        assert_eq!(target.stats().subscribers, 1);
    });
}

#[test]
fn gaps_are_heard_at_their_place() {
    struct Both(Mutex<Vec<String>>);
    impl EventListener for Both {
        fn on_event(&self, event: &Event) {
            self.0.lock().unwrap().push(event.decode::<u64>().unwrap().payload().to_string());
        }
        fn on_gap(&self, gap: &Gap) {
            self.0.lock().unwrap().push(gap.to_string());
        }
    }
    let target = Wire::target();
    let both = Arc::new(Both(Mutex::default()));
    let _guard = now(target.add_event_listener(interest("a:1"), both.clone()));
    let router = target.upstream().router().clone();
    router.deliver(event("a:1", 0), alk_pubsub_core::Scope::ALL);
    router.report_gap(Some(&interest("a:1")), Gap::new(GapReason::Reconnected, None));
    router.report_gap(Some(&interest("a:2")), Gap::new(GapReason::Remote, Some(1)));
    router.report_gap(Some(&interest("a")), Gap::new(GapReason::Remote, Some(1)));
    router.report_gap(None, Gap::new(GapReason::TransportLag, Some(3)));
    router.deliver(event("a:1", 1), alk_pubsub_core::Scope::ALL);
    let expected = [
        "0",
        "an unknown number of events missed (upstream_reconnected)",
        "3 events missed (upstream_lag)",
        "1",
    ];
    assert_eq!(*both.0.lock().unwrap(), expected);
}

/// A listener that publishes more than its queue holds misses some, and so does one that was added meanwhile: both are told.
#[test]
fn listeners_that_overflow_are_told_also_who_came_in_between() {
    let target = InProcessEventTarget::in_process();
    let late = Arc::new(Mutex::new(None));
    let _first = listen(&target, "a:1", {
        let (target, late) = (target.clone(), late.clone());
        let done = AtomicBool::new(false);
        move |_: &Event| {
            if !done.swap(true, Ordering::SeqCst) {
                (1..=10).for_each(|number| _ = publish(&target, "a:1", number));
                *late.lock().unwrap() = Some(notes(&target, "a:1"));
                (11..=3000).for_each(|number| _ = publish(&target, "a:1", number));
            }
        }
    });
    publish(&target, "a:1", 0);
    let late = late.lock().unwrap();
    let (late, _): &(Arc<Notes>, ListenerGuard) = late.as_ref().unwrap();
    let missed: u64 = late.gaps().iter().filter_map(Gap::missed).sum();
    let heard = late.events();
    assert!(heard.len() as u64 + missed >= 2990, "{} and {missed}", heard.len());
    assert_eq!(heard.last(), Some(&3000));
}

/// Whoever publishes, listeners of a topic are called in one order, never two at a time.
#[test]
fn publishers_on_several_threads_do_not_mix_the_order() {
    let target = InProcessEventTarget::in_process();
    let busy = Arc::new(AtomicBool::new(false));
    let (first, _first) = notes(&target, "a:1");
    let _exclusive = listen(&target, "a:1", move |_: &Event| {
        assert!(!busy.swap(true, Ordering::SeqCst), "one at a time");
        busy.store(false, Ordering::SeqCst);
    });
    let (second, _second) = notes(&target, "a:1");
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let target = target.clone();
            // Fewer than wait at most.
            std::thread::spawn(move || (0..250).for_each(|n| _ = publish(&target, "a:1", thread * 1000 + n)))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let heard = first.events();
    assert_eq!(heard.len(), 1000);
    assert_eq!(heard, second.events());
    for thread in 0..4 {
        let own: Vec<u64> = heard.iter().copied().filter(|number| number / 1000 == thread).collect();
        assert!(own.is_sorted());
    }
}

/// A target that goes lets go of its listeners, whether their guards are there or not.
#[test]
fn a_target_that_goes_releases_its_listeners() {
    for to in ["a:1", "a", "*"] {
        let target = InProcessEventTarget::in_process();
        let (detached, guard) = notes(&target, to);
        guard.detach();
        let (held, guard) = notes(&target, to);
        publish(&target, "a:1", 0);
        drop(target);
        assert_eq!(Arc::strong_count(&detached), 1);
        assert_eq!(Arc::strong_count(&held), 1);
        drop(guard);
    }
}

#[test]
fn a_target_behind_a_pointer_is_a_target() {
    let target: Arc<dyn EventTarget> = Arc::new(InProcessEventTarget::in_process());
    let notes = Arc::new(Notes::default());
    let guard = now(target.add_event_listener(Interest::Everything, notes.clone()));
    target.try_dispatch_event(event("a:1", 7)).unwrap();
    assert_eq!(notes.events(), [7]);
    assert_eq!(target.interests(9), [(Interest::Everything, 1)]);
    assert!(target.remove_event_listener(guard.id()));
    now(target.close());
}

//! The way to one listener.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use alk_pubsub_core::{Event, EventListener, Gap, GapReason};
use tokio::runtime::Handle;

use super::faults::{Conditions, EventFaults, Fate, count};
use crate::random::Random;

/// How many steps may wait.
const ROOM: usize = 1024;

/// How long an event is held back that none follows.
const HELD_BACK: Duration = Duration::from_millis(50);

/// Between a target and one of its listeners: what the target tells goes in, and what comes out goes to the listener, one step at a
/// time, in order, by whoever is there first.
pub(super) struct Line {
    listener: Arc<dyn EventListener>,
    faults: EventFaults,
    conditions: Arc<Conditions>,
    runtime: Handle,
    state: Mutex<State>,
    me: Weak<Line>,
}

struct State {
    random: Random,
    connected: bool,
    /// Whether somebody was told that events arrive.
    relied_on: bool,
    /// Nothing is to be told any more.
    over: bool,
    steps: VecDeque<Step>,
    /// Somebody takes steps, or a delay is waited for.
    busy: bool,
    /// Comes behind what follows.
    held: Option<Event>,
    /// Counts those that were held, so that one that waited knows whether it is the one that is held.
    holding: u64,
}

enum Step {
    Event(Event),
    Gap(Gap),
    Wait(Duration),
    Close,
}

impl Line {
    pub(super) fn new(
        listener: Arc<dyn EventListener>,
        number: u64,
        faults: EventFaults,
        conditions: Arc<Conditions>,
        runtime: Handle,
        connected: bool,
    ) -> Arc<Self> {
        let state = State {
            random: faults.stream(number),
            connected,
            relied_on: false,
            over: false,
            steps: VecDeque::new(),
            busy: false,
            held: None,
            holding: 0,
        };
        Arc::new_cyclic(|me| Self {
            listener,
            faults,
            conditions,
            runtime,
            state: Mutex::new(state),
            me: me.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody is told that events arrive from now on.
    pub(super) fn rely(&self) {
        self.lock().relied_on = true;
    }

    /// Nothing more is handed on but what is being handed on.
    pub(super) fn remove(&self) {
        let lost = {
            let mut state = self.lock();
            state.over = true;
            (std::mem::take(&mut state.steps), state.held.take())
        };
        drop(lost);
    }

    /// The target is gone, and tells so instead of what was on its way.
    pub(super) fn end(&self) {
        let over = self.lock().over;
        self.remove();
        if !over {
            self.tell(|listener| listener.on_close());
        }
    }

    /// What was on its way is lost, and what comes.
    pub(super) fn cut(&self) {
        let lost = {
            let mut state = self.lock();
            state.connected = false;
            let steps = std::mem::take(&mut state.steps);
            // What was said to be missing is missing all the same.
            let (kept, lost): (VecDeque<_>, VecDeque<_>) =
                steps.into_iter().partition(|step| matches!(step, Step::Gap(_) | Step::Close));
            state.steps = kept;
            (lost, state.held.take())
        };
        drop(lost);
    }

    /// Who relied on it has a gap before anything that comes. To be handed on.
    pub(super) fn restore(&self) {
        let mut state = self.lock();
        state.connected = true;
        if state.relied_on {
            state.miss(Gap::new(GapReason::Reconnected, None));
        }
    }

    /// Hands on what waits, unless somebody is at it.
    pub(super) fn hand_on(&self) {
        if !std::mem::replace(&mut self.lock().busy, true) {
            self.go_on();
        }
    }

    fn go_on(&self) {
        while let Some(step) = self.next() {
            match step {
                Step::Event(event) => self.tell(|listener| listener.on_event(&event)),
                Step::Gap(gap) => self.tell(|listener| listener.on_gap(&gap)),
                Step::Close => self.tell(|listener| listener.on_close()),
                Step::Wait(delay) => {
                    self.later(delay, |line| line.go_on());
                    return;
                }
            }
        }
    }

    fn next(&self) -> Option<Step> {
        let mut state = self.lock();
        let step = state.steps.pop_front();
        state.busy = step.is_some();
        state.over |= matches!(step, Some(Step::Close));
        step
    }

    fn tell(&self, tell: impl Fn(&dyn EventListener)) {
        // Who panics stays, as with any target.
        let _ = catch_unwind(AssertUnwindSafe(|| tell(&*self.listener)));
    }

    /// Goes with the line.
    fn later(&self, delay: Duration, run: impl FnOnce(&Line) + Send + 'static) {
        let line = self.me.clone();
        self.runtime.spawn(async move {
            tokio::time::sleep(delay).await;
            if let Some(line) = line.upgrade() {
                run(&line);
            }
        });
    }

    /// Holds an event back until another has gone before it.
    fn hold(&self, state: &mut State, event: Event) {
        state.held = Some(event);
        state.holding += 1;
        let holding = state.holding;
        self.later(HELD_BACK, move |line| {
            {
                let mut state = line.lock();
                if state.holding == holding {
                    state.release();
                }
            }
            line.hand_on();
        });
    }

    fn meet(&self, state: &mut State, event: Event) {
        let fate = state.fate(&self.faults, &self.conditions);
        if fate.drop || state.steps.len() >= ROOM {
            count(&self.conditions.drops);
            state.miss(Gap::new(GapReason::TransportLag, Some(1)));
            state.release();
            return;
        }
        if let Some(delay) = fate.delay {
            count(&self.conditions.delays);
            state.steps.push_back(Step::Wait(delay));
        }
        if fate.reorder && state.held.is_none() {
            count(&self.conditions.reorders);
            self.hold(state, event);
            return;
        }
        if fate.duplicate {
            count(&self.conditions.duplicates);
            state.steps.push_back(Step::Event(event.clone()));
        }
        state.steps.push_back(Step::Event(event));
        state.release();
    }
}

impl State {
    fn fate(&mut self, faults: &EventFaults, conditions: &Conditions) -> Fate {
        if conditions.healthy.load(Ordering::Acquire) {
            return Fate::default();
        }
        faults.next(&mut self.random)
    }

    /// Gaps at one place are one for each reason, so that they need no bound.
    fn miss(&mut self, gap: Gap) {
        let mut here = self.steps.iter_mut().rev().map_while(|step| match step {
            Step::Gap(gap) => Some(gap),
            _ => None,
        });
        match here.find(|earlier| earlier.reason() == gap.reason()) {
            Some(earlier) => {
                let missed = earlier.missed().zip(gap.missed()).map(|(before, now)| before + now);
                *earlier = Gap::new(gap.reason(), missed);
            }
            None => self.steps.push_back(Step::Gap(gap)),
        }
    }

    fn release(&mut self) {
        self.steps.extend(self.held.take().map(Step::Event));
    }
}

impl EventListener for Line {
    fn on_event(&self, event: &Event) {
        {
            let mut state = self.lock();
            if !state.connected || state.over {
                return;
            }
            self.meet(&mut state, event.clone());
        }
        self.hand_on();
    }

    fn on_gap(&self, gap: &Gap) {
        {
            let mut state = self.lock();
            if state.over {
                return;
            }
            state.miss(*gap);
            state.release();
        }
        self.hand_on();
    }

    fn on_close(&self) {
        {
            let mut state = self.lock();
            if state.over {
                return;
            }
            state.release();
            state.steps.push_back(Step::Close);
        }
        self.hand_on();
    }
}

use std::collections::{BTreeSet, HashMap};

use alk_pubsub_core::Interest;

use super::effect::Effect;
use super::interest::{Confirmation, Entry, Standing, Step};
use super::requests::{Requests, frames};
use crate::frame::{BearerToken, Control, Welcome};

/// The spoke's end of one link, across all its connections.
///
/// Call a method for what has happened, then carry out the [`Effect`]s it has left in `effects`. What is wanted is sent by
/// [`ask`](Self::ask), in as few frames as it fits in.
#[derive(Debug, Default)]
pub(in crate::spoke) struct Machine {
    pub(super) interests: HashMap<Interest, Entry>,
    /// Interests to look at when frames can be sent.
    changed: BTreeSet<Interest>,
    /// Interests to look at after a moment.
    pub(super) later: BTreeSet<Interest>,
    pub(super) requests: Requests,
    /// The request for a new token to be taken.
    pub(super) refreshing: Option<u64>,
    pub(super) welcome: Option<Welcome>,
    /// How many interests owe a gap.
    pub(super) owing: usize,
    /// How many interests of those that were wanted at the welcome are not decided yet.
    pub(super) awaited: usize,
    settled: bool,
}

impl Machine {
    /// Somebody listens to this now and nobody did.
    pub(in crate::spoke) fn want(&mut self, interest: &Interest) {
        let entry = self.interests.entry(interest.clone()).or_insert_with(Entry::wanted);
        entry.wanted = true;
        self.list(interest);
    }

    /// Nobody listens to this any more.
    pub(in crate::spoke) fn drop_interest(&mut self, interest: &Interest, effects: &mut Vec<Effect>) {
        let Some(entry) = self.interests.get_mut(interest) else { return };
        entry.wanted = false;
        self.owing -= usize::from(std::mem::take(&mut entry.owes_gap));
        let awaited = std::mem::take(&mut entry.awaited);
        if matches!(entry.standing, Standing::Absent | Standing::Refused) {
            self.remove(interest);
        } else {
            self.list(interest);
        }
        if awaited {
            self.awaited -= 1;
            self.settle(effects);
        }
    }

    /// How an interest stands. One that was refused before is asked for again.
    pub(in crate::spoke) fn confirmation(&mut self, interest: &Interest) -> Confirmation {
        match self.interests.get(interest) {
            Some(Entry { wanted: true, standing: Standing::Active, .. }) => Confirmation::Confirmed,
            Some(Entry { wanted: true, standing, .. }) => {
                if *standing == Standing::Refused {
                    self.list(interest);
                }
                Confirmation::Open
            }
            _ => Confirmation::Unknown,
        }
    }

    /// Nobody listens to an interest any more that the hub has ended or refused, and nobody is to tell the hub. `false` if
    /// that is not so: it has been given up since, and perhaps asked for anew.
    pub(in crate::spoke) fn forget_refused(&mut self, interest: &Interest) -> bool {
        let refused = self.interests.get(interest).is_some_and(|entry| entry.standing == Standing::Refused);
        if refused {
            self.remove(interest);
        }
        refused
    }

    /// Gives the hub a new token, unless it is looking at one.
    pub(in crate::spoke) fn refresh(&mut self, token: BearerToken, effects: &mut Vec<Effect>) {
        if self.welcome.is_none() || self.refreshing.is_some() {
            return;
        }
        let number = self.requests.number();
        self.refreshing = Some(number);
        effects.push(Effect::Send(Control::Refresh { reference: number.to_string(), token }));
    }

    /// A number for a publish that is to be answered.
    pub(in crate::spoke) fn number(&mut self) -> u64 {
        self.requests.number()
    }

    #[cfg(test)]
    pub(in crate::spoke) fn skip_numbers(&mut self, numbers: u64) {
        self.requests.skip(numbers);
    }

    /// The largest frame that the hub takes, where that is known.
    pub(in crate::spoke) fn max_frame_bytes(&self) -> Option<usize> {
        self.welcome.as_ref().map(|welcome| welcome.max_frame_bytes)
    }

    /// Whether the hub has said welcome.
    pub(in crate::spoke) fn is_welcome(&self) -> bool {
        self.welcome.is_some()
    }

    /// Tells the hub what has changed since this was called last.
    pub(in crate::spoke) fn ask(&mut self, effects: &mut Vec<Effect>) {
        let Some(Welcome { max_frame_bytes, max_topics, .. }) = self.welcome else { return };
        let (mut joined, mut left) = (Vec::new(), Vec::new());
        for interest in std::mem::take(&mut self.changed) {
            match self.interests.get(&interest).and_then(Entry::step) {
                Some(Step::Subscribe) => joined.push(interest),
                Some(Step::Unsubscribe) => left.push(interest),
                None => {}
            }
        }
        // What goes comes first, so that a hub which counts topics has room for what comes.
        for (step, interests) in [(Step::Unsubscribe, left), (Step::Subscribe, joined)] {
            for interests in frames(interests, max_frame_bytes, max_topics) {
                let number = self.requests.number();
                for interest in &interests {
                    if let Some(entry) = self.interests.get_mut(interest) {
                        entry.standing = match step {
                            Step::Subscribe => Standing::Asked(number),
                            Step::Unsubscribe => Standing::Leaving(number),
                        };
                    }
                }
                let (reference, topics) =
                    (number.to_string(), interests.iter().map(ToString::to_string).collect());
                self.requests.add(number, step, interests);
                effects.push(Effect::Send(match step {
                    Step::Subscribe => Control::Subscribe { reference, topics },
                    Step::Unsubscribe => Control::Unsubscribe { reference, topics },
                }));
            }
        }
    }

    /// A moment after [`Effect::RetryLater`].
    pub(in crate::spoke) fn retry(&mut self) {
        for interest in std::mem::take(&mut self.later) {
            self.list(&interest);
        }
    }

    /// The hub takes too long to decide; what waits for that goes on without.
    pub(in crate::spoke) fn settle_anyway(&mut self, effects: &mut Vec<Effect>) {
        self.interests.values_mut().for_each(|entry| entry.awaited = false);
        self.awaited = 0;
        self.settle(effects);
    }

    /// The connection was lost. Whoever waits for a publish is to be told by the surroundings.
    pub(in crate::spoke) fn disconnected(&mut self) {
        (self.welcome, self.refreshing) = (None, None);
        (self.settled, self.awaited) = (false, 0);
        self.requests.clear();
        self.changed.clear();
        self.later.clear();
        self.interests.retain(|_, entry| entry.wanted);
        for (interest, entry) in &mut self.interests {
            if entry.standing == Standing::Active && !entry.owes_gap {
                entry.owes_gap = true;
                self.owing += 1;
            }
            entry.standing = Standing::Absent;
            entry.awaited = false;
            self.changed.insert(interest.clone());
        }
    }

    /// The hub does not have it any more.
    pub(super) fn forget(&mut self, interest: &Interest) {
        let Some(entry) = self.interests.get_mut(interest) else { return };
        entry.standing = Standing::Absent;
        if !entry.wanted {
            self.remove(interest);
        }
    }

    pub(super) fn remove(&mut self, interest: &Interest) {
        self.interests.remove(interest);
        self.changed.remove(interest);
        self.later.remove(interest);
    }

    pub(super) fn list(&mut self, interest: &Interest) {
        if self.interests.get(interest).and_then(Entry::step).is_some() {
            self.changed.insert(interest.clone());
        }
    }

    pub(super) fn decided(&mut self, interest: &Interest, effects: &mut Vec<Effect>) {
        if let Some(entry) = self.interests.get_mut(interest)
            && std::mem::take(&mut entry.awaited)
        {
            self.awaited -= 1;
            self.settle(effects);
        }
    }

    pub(super) fn settle(&mut self, effects: &mut Vec<Effect>) {
        if self.welcome.is_some() && self.awaited == 0 && !std::mem::replace(&mut self.settled, true) {
            effects.push(Effect::Settled);
        }
    }
}

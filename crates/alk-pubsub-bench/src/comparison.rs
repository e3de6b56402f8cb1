use crate::figures::Figures;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
}

/// What one who takes part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Ours,
    /// What one would take instead of ours.
    Peer,
    /// What is possible here at most: it does too little to be taken instead.
    Limit,
    /// Something of another kind, to know where it stands: another broker, where the workload is about one.
    Aside,
}

#[derive(Debug, Clone)]
pub(crate) struct Participant {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// One for each round; none if it failed.
    pub(crate) samples: Vec<f64>,
    /// What it failed with, if it did. Then it has no figures: others go on without it.
    pub(crate) failed: Option<String>,
}

/// One metric of all who took part, under the same conditions, in turns.
#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    pub(crate) workload: &'static str,
    pub(crate) metric: Metric,
    /// Such as "2 workers": what comparisons of one chart have in common.
    pub(crate) setting: String,
    /// What grows along a chart, such as "subscribers".
    pub(crate) axis: &'static str,
    pub(crate) at: usize,
    pub(crate) participants: Vec<Participant>,
}

impl Comparison {
    pub(crate) fn ours(&self) -> Option<&Participant> {
        self.participants.iter().find(|participant| participant.role == Role::Ours)
    }

    /// The best of the peers, by its median.
    pub(crate) fn best_peer(&self) -> Option<&Participant> {
        let peers = self.participants.iter().filter(|participant| participant.role == Role::Peer);
        let peers = peers.filter(|peer| !peer.samples.is_empty());
        let median = |peer: &&Participant| Figures::of(peer.samples.iter().copied()).map(|it| it.median);
        let by_median = |one: &&Participant, other: &&Participant| {
            let order = median(one).partial_cmp(&median(other)).unwrap_or(std::cmp::Ordering::Equal);
            if self.metric.better == Better::More { order } else { order.reverse() }
        };
        peers.max_by(by_median)
    }

    /// How often ours is as good as the best peer, round by round: above 1 it is better.
    pub(crate) fn ratio(&self) -> Option<Figures> {
        self.ratio_to(self.best_peer()?)
    }

    /// How often ours is as good as this one, round by round.
    pub(crate) fn ratio_to(&self, other: &Participant) -> Option<Figures> {
        let rounds = self.ours()?.samples.iter().zip(&other.samples);
        Figures::of(rounds.map(|(ours, other)| match self.metric.better {
            Better::More => ours / other,
            Better::Less => other / ours,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{Better, Comparison, Metric, Participant, Role};

    fn comparison(better: Better, participants: &[(&'static str, Role, [f64; 3])]) -> Comparison {
        let of = |&(name, role, samples): &(_, _, [f64; 3])| Participant {
            name,
            role,
            samples: samples.into(),
            failed: None,
        };
        Comparison {
            workload: "A",
            metric: Metric { name: "delivered", unit: "events/s", better },
            setting: String::new(),
            axis: "subscribers",
            at: 1,
            participants: participants.iter().map(of).collect(),
        }
    }

    #[test]
    fn ours_is_set_beside_the_best_of_the_same_round() {
        let all = [
            ("limit", Role::Limit, [100.0; 3]),
            ("slow", Role::Peer, [1.0, 1.0, 9.0]),
            ("fast", Role::Peer, [4.0, 5.0, 2.0]),
            ("ours", Role::Ours, [8.0, 5.0, 8.0]),
        ];
        let more = comparison(Better::More, &all);
        assert_eq!(more.best_peer().map(|peer| peer.name), Some("fast"));
        let ratio = more.ratio().expect("peers");
        assert_eq!((ratio.min, ratio.median, ratio.max), (1.0, 2.0, 4.0));
        let less = comparison(Better::Less, &all);
        assert_eq!(less.best_peer().map(|peer| peer.name), Some("slow"));
        assert_eq!(less.ratio().expect("peers").max, 9.0 / 8.0);
    }

    #[test]
    fn one_that_failed_is_no_best_peer() {
        let all =
            [("fell", Role::Peer, [9.0; 3]), ("stood", Role::Peer, [1.0; 3]), ("ours", Role::Ours, [2.0; 3])];
        for better in [Better::More, Better::Less] {
            let mut one_fell = comparison(better, &all);
            one_fell.participants[0].samples.clear();
            assert_eq!(one_fell.best_peer().map(|peer| peer.name), Some("stood"));
            assert_eq!(one_fell.ratio_to(&one_fell.participants[0]), None);
        }
    }

    #[test]
    fn without_peers_there_is_no_ratio() {
        assert_eq!(comparison(Better::More, &[("ours", Role::Ours, [1.0; 3])]).ratio(), None);
    }
}

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header;
use serde::Serialize;
use tokio::runtime::Handle;

use crate::auth::Admin;
use crate::serve::{Hub, Readiness, name};

/// How many topics are listed.
const MOST_TOPICS: usize = 100;

/// All numbers of the hub at one moment.
#[derive(Debug, Serialize)]
pub(super) struct Snapshot {
    pub(super) version: &'static str,
    pub(super) uptime_seconds: u64,
    /// Of the runtime that serves it.
    tasks: usize,
    state: &'static str,
    pub(super) upstream: Upstream,
    pub(super) connections: Connections,
    pub(super) events: Events,
    pub(super) interests: u64,
    pub(super) subscribers: u64,
    pub(super) websocket: WebSocket,
    pub(super) sse: Sse,
    pub(super) http_publish: HttpPublish,
    /// What the hub refused before anything else saw it.
    pub(super) refused: Refused,
    /// Who may hear everything may know what there is to hear.
    #[serde(skip_serializing_if = "Option::is_none")]
    topics: Option<Vec<Topic>>,
}

type Refused = BTreeMap<&'static str, u64>;

#[derive(Debug, Serialize)]
pub(super) struct Upstream {
    pub(super) kind: &'static str,
    state: &'static str,
    /// How often it was connected again.
    reconnects: u64,
    /// Messages that were no events.
    pub(super) refused_messages: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Connections {
    pub(super) websocket: u64,
    pub(super) sse: u64,
    pub(super) max: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Events {
    pub(super) published: u64,
    pub(super) delivered: u64,
    pub(super) missed: u64,
    /// At most so many, each times the subscriptions that it waits for.
    pub(super) waiting: u64,
    /// Gaps of subscriptions by reason.
    pub(super) gaps: BTreeMap<&'static str, GapCount>,
}

#[derive(Debug, Serialize)]
pub(super) struct GapCount {
    pub(super) gaps: u64,
    pub(super) missed: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct WebSocket {
    pub(super) opened: u64,
    pub(super) closed: u64,
    pub(super) frames_in: u64,
    pub(super) published: u64,
    pub(super) events_out: u64,
    pub(super) gaps: u64,
    pub(super) missed: u64,
    pub(super) refused: Refused,
}

#[derive(Debug, Serialize)]
pub(super) struct Sse {
    pub(super) opened: u64,
    pub(super) closed: u64,
    pub(super) events_out: u64,
    pub(super) gaps: u64,
    pub(super) missed: u64,
    pub(super) refused: Refused,
}

#[derive(Debug, Serialize)]
pub(super) struct HttpPublish {
    pub(super) requests: u64,
    pub(super) published: u64,
    pub(super) refused: Refused,
}

#[derive(Debug, Serialize)]
struct Topic {
    topic: String,
    listeners: u64,
}

impl From<alk_pubsub::GapCount> for GapCount {
    fn from(count: alk_pubsub::GapCount) -> Self {
        Self { gaps: count.gaps, missed: count.missed }
    }
}

impl Snapshot {
    pub(super) fn is_ready(&self) -> bool {
        self.state == Readiness::Ready.as_str()
    }

    pub(super) fn of(hub: &Hub) -> Self {
        let (target, ws, sse, publish) =
            (hub.target.stats(), hub.ws.ws_stats(), hub.sse.stats(), hub.publish.stats());
        let topics = hub.authorizer.anonymous_hear_everything().then(|| topics(hub));
        Self {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: hub.started.elapsed().as_secs(),
            tasks: Handle::try_current().map_or(0, |runtime| runtime.metrics().num_alive_tasks()),
            state: hub.readiness().as_str(),
            upstream: Upstream {
                kind: hub.upstream.kind(),
                state: name(hub.target.state().current()),
                reconnects: target.reconnects,
                refused_messages: hub.upstream.refused_messages(),
            },
            connections: Connections { websocket: ws.connections, sse: sse.active(), max: hub.seats.most },
            events: Events {
                published: target.published,
                delivered: target.delivered,
                missed: target.missed,
                waiting: target.waiting,
                gaps: target.gaps.iter().map(|(reason, count)| (reason.as_str(), count.into())).collect(),
            },
            interests: target.interests,
            subscribers: target.subscribers,
            websocket: WebSocket {
                opened: ws.opened,
                closed: ws.opened.saturating_sub(ws.connections),
                frames_in: ws.frames_in,
                published: ws.published,
                events_out: ws.events_out,
                gaps: ws.gaps,
                missed: ws.missed,
                refused: ws.refused.iter().map(|(code, count)| (code.as_str(), *count)).collect(),
            },
            sse: Sse {
                opened: sse.opened,
                closed: sse.closed,
                events_out: sse.events,
                gaps: sse.gaps,
                missed: sse.missed,
                refused: sse.refused.iter().collect(),
            },
            http_publish: HttpPublish {
                requests: publish.requests,
                published: publish.published,
                refused: publish.refused.iter().collect(),
            },
            refused: hub.refusals.iter().collect(),
            topics,
        }
    }
}

fn topics(hub: &Hub) -> Vec<Topic> {
    let interests = hub.target.interests(MOST_TOPICS).into_iter();
    interests.map(|(interest, listeners)| Topic { topic: interest.to_string(), listeners }).collect()
}

/// `GET /stats`.
pub(crate) async fn stats(State(hub): State<Arc<Hub>>, admin: Option<Extension<Admin>>) -> impl IntoResponse {
    let mut snapshot = Snapshot::of(&hub);
    if admin.is_some() {
        snapshot.topics = Some(topics(&hub));
    }
    // Numbers and strings become JSON without fail.
    let body = serde_json::to_string(&snapshot).unwrap_or_default() + "\n";
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body)
}

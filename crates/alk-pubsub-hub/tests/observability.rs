//! Metrics that agree with the numbers, a dashboard that shows what there is, and traces across hubs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use alk_pubsub::ws_client::{Wire, WsClientEventTarget};
use alk_pubsub::{Dynamic, PubSub, Traceparent};
use alk_pubsub_testkit::redis::Server;
use serde_json::{Value, json};
use support::{Hub, envelope};

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
const DASHBOARD: &str = include_str!("../../../docs/grafana-dashboard.json");
const DOCUMENT: &str = include_str!("../../../docs/observability.md");

/// Every sample by its name and labels.
async fn metrics(hub: &Hub) -> BTreeMap<String, f64> {
    let (head, text) = hub.get("/metrics").await;
    assert_eq!(head.status, 200);
    let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    samples
        .map(|line| {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            (sample.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// The metrics that a hub has, once an event was timed: histograms without one are not shown.
async fn names(hub: &Hub) -> BTreeSet<String> {
    let mut listener = hub.connect().await;
    listener.open("/events?topic=timed").await;
    let timed = async {
        loop {
            hub.connect().await.post(JSON, envelope("timed:1", 1)).await;
            listener.event().await.unwrap();
            let (_, text) = hub.get("/metrics").await;
            if text.contains("latency_seconds_count") {
                return text;
            }
        }
    };
    let text = tokio::time::timeout(support::PATIENCE, timed).await.expect("an event that is timed");
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

/// The names of metrics in a text, those of a histogram's series as the histogram's.
fn named_in(text: &str) -> BTreeSet<String> {
    let of_name = |next: char| next.is_ascii_alphanumeric() || next == '_';
    let words = text.split(|next| !of_name(next)).filter(|word| word.starts_with("alk_hub_"));
    words
        .map(|word| {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|series| word.strip_suffix(series));
            base.unwrap_or(word).to_owned()
        })
        .collect()
}

#[tokio::test]
async fn metrics_and_stats_say_the_same() {
    let hub = Hub::start(&["--max-topics", "4", "--max-frame", "1KiB"]).await;
    let (mut one, mut two, mut publisher) = (hub.spoke().await, hub.spoke().await, hub.spoke().await);
    one.subscribe(&["a:1", "b"]).await;
    two.subscribe(&["a"]).await;
    let mut stream = hub.connect().await;
    stream.open("/events?topic=*").await;

    let body: String = (0..300).map(|number| envelope("a:1", number) + "\n").collect();
    assert_eq!(hub.connect().await.post(LINES, body).await.1["published"], 300);
    for number in 0..20 {
        assert_eq!(publisher.publish(&envelope("b:2", number)).await["type"], "__published");
    }
    for _ in 0..320 {
        stream.event().await.unwrap();
        one.frame().await;
    }
    for _ in 0..300 {
        two.frame().await;
    }
    // Something of each kind that is refused.
    publisher.send("{").await;
    publisher.frame().await;
    publisher
        .send(json!({"type": "__subscribe", "id": "x", "payload": {"topics": ["a b", "c d"]}}).to_string())
        .await;
    for _ in 0..2 {
        assert_eq!(publisher.frame().await["payload"]["code"], "bad_topic");
    }
    for path in ["/events", "/events?topic=__x", "/nothing"] {
        assert!(hub.get(path).await.0.status >= 400);
    }
    hub.connect().await.post(JSON, envelope("a:1", "x".repeat(2048))).await;
    // Whoever looks counts too, and is counted when it has gone.
    let stats = hub.stats().await;
    let metrics = metrics(&hub).await;

    for (sample, at) in [
        ("alk_hub_events_published_total", "/events/published"),
        ("alk_hub_events_delivered_total", "/events/delivered"),
        ("alk_hub_events_waiting", "/events/waiting"),
        ("alk_hub_interests", "/interests"),
        ("alk_hub_subscriptions", "/subscribers"),
        ("alk_hub_connections_limit", "/connections/max"),
        ("alk_hub_connections{transport=\"websocket\"}", "/connections/websocket"),
        ("alk_hub_connections{transport=\"sse\"}", "/connections/sse"),
        ("alk_hub_connections_total{transport=\"websocket\"}", "/websocket/opened"),
        ("alk_hub_connections_total{transport=\"sse\"}", "/sse/opened"),
        ("alk_hub_frames_received_total{transport=\"websocket\"}", "/websocket/frames_in"),
        ("alk_hub_events_received_total{transport=\"websocket\"}", "/websocket/published"),
        ("alk_hub_events_received_total{transport=\"http\"}", "/http_publish/published"),
        ("alk_hub_events_sent_total{transport=\"websocket\"}", "/websocket/events_out"),
        ("alk_hub_events_sent_total{transport=\"sse\"}", "/sse/events_out"),
        ("alk_hub_http_publish_requests_total", "/http_publish/requests"),
        ("alk_hub_client_gaps_total{transport=\"websocket\"}", "/websocket/gaps"),
        ("alk_hub_client_events_dropped_total{transport=\"websocket\"}", "/websocket/missed"),
        ("alk_hub_events_dropped_total{reason=\"slow_consumer\"}", "/events/gaps/slow_consumer/missed"),
        ("alk_hub_gaps_total{reason=\"upstream_reconnected\"}", "/events/gaps/upstream_reconnected/gaps"),
        ("alk_hub_upstream_reconnects_total", "/upstream/reconnects"),
        ("alk_hub_upstream_refused_messages_total", "/upstream/refused_messages"),
    ] {
        let number = stats.pointer(at).unwrap_or_else(|| panic!("{at} in {stats}")).as_f64();
        assert_eq!(metrics.get(sample).copied(), number, "{sample} and {at}");
    }
    for (transport, at) in [
        ("websocket", "/websocket/refused"),
        ("sse", "/sse/refused"),
        ("http", "/http_publish/refused"),
        ("hub", "/refused"),
    ] {
        let reasons = stats.pointer(at).unwrap().as_object().unwrap();
        assert!(reasons.values().any(|count| *count != 0), "{transport}: {reasons:?}");
        for (reason, count) in reasons {
            let sample = format!("alk_hub_refused_total{{transport=\"{transport}\",reason=\"{reason}\"}}");
            assert_eq!(metrics.get(&sample).copied(), count.as_f64(), "{sample}");
        }
    }
    // And they are what happened.
    assert_eq!(stats["events"]["published"], 320);
    // Of the spokes, the stream, and who asked.
    assert!(stats["tasks"].as_u64().unwrap() >= 5, "{stats}");
    assert_eq!(stats["events"]["delivered"], 320 + 300 + 320);
    assert_eq!((&stats["websocket"]["events_out"], &stats["sse"]["events_out"]), (&json!(620), &json!(320)));
    assert_eq!(stats["websocket"]["refused"]["bad_topic"], 2);
}

#[tokio::test]
async fn the_dashboard_and_the_document_name_what_there_is() {
    let hub = Hub::start(&[]).await;
    let there = names(&hub).await;

    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut shown = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        for (side, most) in [("x", 24), ("y", u64::MAX), ("w", 24), ("h", 24)] {
            assert!(panel["gridPos"][side].as_u64().is_some_and(|length| length <= most), "{panel}");
        }
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().unwrap();
            let named = named_in(query);
            assert!(!named.is_empty() && named.is_subset(&there), "{query}: {named:?}");
            shown.extend(named);
        }
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        assert!(named_in(&variable.to_string()).is_subset(&there), "{variable}");
    }
    assert_eq!(shown, there, "everything is shown somewhere");
    assert_eq!(named_in(DOCUMENT), there, "everything is described, and nothing else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_from_spoke_to_spoke_across_hubs() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let parent: Traceparent = PARENT.parse().unwrap();
    let server = Server::start(&[]);
    let arguments = ["--redis", &server.url(), "--prefix", "trace:"];
    let (first, second) = tokio::join!(Hub::start(&arguments), Hub::start(&arguments));
    let spoke = |hub: &Hub, wire| {
        PubSub::<Dynamic>::new(WsClientEventTarget::builder(hub.url()).wire(wire).build().unwrap())
    };
    let (publisher, binary) = (spoke(&first, Wire::Json), spoke(&second, Wire::MsgPack));
    let mut back = publisher.subscribe("back").await.unwrap();
    let mut of_text = spoke(&second, Wire::Json).subscribe_to("a", "1").await.unwrap();
    let mut of_binary = binary.subscribe("a").await.unwrap();
    let mut stream = second.connect().await;
    stream.open("/events?topic=a:1").await;

    publisher.traced_by(parent).publish("a", "1", json!(1)).await.unwrap();
    let (text, binary_event) = (of_text.recv().await.unwrap(), of_binary.recv().await.unwrap());
    assert_eq!((text.payload(), text.traceparent()), (&json!(1), Some(parent)));
    assert_eq!((binary_event.payload(), binary_event.traceparent()), (&json!(1), Some(parent)));
    assert_eq!(stream.event().await.unwrap().data()["meta"], json!({"traceparent": PARENT}));

    // Back the other way, by the other encoding.
    binary.traced_by(parent).publish("back", "", json!(2)).await.unwrap();
    assert_eq!(back.recv().await.unwrap().traceparent(), Some(parent));

    // Raw frames with more in them than anybody here knows go through as they are.
    let meta = json!({"traceparent": "nonsense", "tracestate": "x=1", "later": {"a": [1.50]}});
    let raw = json!({"type": "a", "id": "1", "payload": 3, "meta": meta}).to_string();
    first.spoke().await.publish(&raw).await;
    let event = of_text.recv().await.unwrap();
    assert_eq!(
        (event.traceparent(), event.meta().unwrap().get("later")),
        (None, Some(&json!({"a": [1.50]})))
    );
    assert_eq!(stream.event().await.unwrap().data()["meta"], meta);

    publisher.publish("a", "1", json!(4)).await.unwrap();
    assert_eq!(of_text.recv().await.unwrap().meta(), None);
    assert!(stream.event().await.unwrap().data().get("meta").is_none());
}

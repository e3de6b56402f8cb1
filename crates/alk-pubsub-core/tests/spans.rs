//! The spans of publishing and delivering. Alone in its process: the subscriber is that of everything.
#![allow(clippy::unwrap_used, reason = "functions beside tests are tests too")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use alk_pubsub_core::{
    Dynamic, ErrorKind, Event, InProcessEventTarget, PubSub, RoutedEventTarget, Traceparent, Upstream,
};
use alk_pubsub_core::{Error, Published, Router, Scope, TargetFuture};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

#[derive(Debug, Default, Clone)]
struct Seen {
    name: &'static str,
    parent: Option<&'static str>,
    fields: BTreeMap<&'static str, String>,
}

#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<(u64, Seen)>>>);

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let parent = context.span(id).and_then(|span| span.parent()).map(|parent| parent.name());
        let mut seen = Seen { name: attributes.metadata().name(), parent, ..Seen::default() };
        attributes.record(&mut seen);
        self.0.lock().unwrap().push((id.into_u64(), seen));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut spans = self.0.lock().unwrap();
        let (_, seen) = spans.iter_mut().rev().find(|(other, _)| *other == id.into_u64()).unwrap();
        values.record(seen);
    }
}

impl Spans {
    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.0.lock().unwrap()).into_iter().map(|(_, seen)| seen).collect()
    }
}

/// Refuses everything.
struct Refusing;

impl Upstream for Refusing {
    fn publish(&self, _: Event) -> TargetFuture<Result<Published, Error>> {
        TargetFuture::ready(Err(Error::new(ErrorKind::Denied, "no")))
    }

    fn try_publish(&self, _: Event) -> Result<Published, Error> {
        Err(Error::new(ErrorKind::Denied, "no"))
    }
}

#[tokio::test]
async fn publishing_and_delivering() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let spans = Spans::default();
    let subscriber = tracing_subscriber::registry()
        .with(spans.clone().with_filter(tracing_subscriber::filter::LevelFilter::DEBUG));
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let pubsub = PubSub::<Dynamic>::new(InProcessEventTarget::in_process());
    let _ticks = pubsub.subscribe("tick").await.unwrap();
    let traced = pubsub.traced_by(|| {
        // The context is asked for within the span that subscribers are to continue.
        assert_eq!(tracing::Span::current().metadata().unwrap().name(), "publish");
        PARENT.parse::<Traceparent>().ok()
    });
    traced.publish("tick", "a", 1.into()).await.unwrap();
    let [publish, deliver] = &spans.take()[..] else { panic!("two spans") };
    assert_eq!((publish.name, publish.parent), ("publish", None));
    for (name, value) in [
        ("otel.name", "publish tick"),
        ("otel.kind", "\"producer\""),
        ("messaging.system", "\"alk-pubsub\""),
        ("messaging.operation.type", "\"send\""),
        ("messaging.destination.name", "tick:a"),
        ("messaging.destination.template", "tick"),
    ] {
        assert_eq!(publish.fields.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!((deliver.name, deliver.parent), ("deliver", Some("publish")));
    for (name, value) in [
        ("otel.name", "deliver tick"),
        ("messaging.destination.name", "tick:a"),
        ("messaging.alk_pubsub.receivers", "1"),
        ("traceparent", PARENT),
    ] {
        assert_eq!(deliver.fields.get(name).map(String::as_str), Some(value), "{name}");
    }

    pubsub.try_publish("tick", "a", 1.into()).unwrap();
    assert!(!spans.take()[1].fields.contains_key("traceparent"));

    // What an upstream brings is delivered by itself.
    let mut router = None;
    let refusing = RoutedEventTarget::new(|given: Router| {
        router = Some(given);
        Refusing
    });
    let refused = PubSub::<Dynamic>::new(refusing);
    refused.publish("tick", "a", 1.into()).await.unwrap_err();
    let [publish] = &spans.take()[..] else { panic!("one span") };
    assert_eq!(publish.fields["otel.status_code"], "\"ERROR\"");
    assert_eq!(publish.fields["error.type"], "Denied");
    router.unwrap().deliver(Event::new("tick:a".parse().unwrap(), 1), Scope::ALL);
    let [deliver] = &spans.take()[..] else { panic!("one span") };
    assert_eq!((deliver.name, deliver.parent), ("deliver", None));
}

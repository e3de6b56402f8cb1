//! From a request to a stream.

use std::sync::Arc;

use alk_pubsub_core::{Feed, Interest, RawSubscription};
use alk_pubsub_link::ConnectionInfo;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::future::try_join_all;
use http::request::Parts;
use http::{HeaderName, header};

use crate::body::SseBody;
use crate::handover::Handover;
use crate::problem::Problem;
use crate::relay::Shared;
use crate::{listed, rights, topics};

/// Subscribes to all topics of a request, or to none.
pub(crate) async fn open(relay: &Arc<Shared>, request: &Parts) -> Result<Response, Problem> {
    if relay.is_closing() {
        return Err(Problem::shutting_down());
    }
    let interests = topics::parse(request.uri.query().unwrap_or_default(), &relay.config)?;
    let info = listed::info(request, relay.new_id());
    // From here on it is told what others are: who is disconnected while it is being opened does not stay.
    let listed = relay.streams.list(info, request.extensions.get().cloned());
    let info = &listed.handle.info;
    relay.config.authorizer.connect(info).await?;
    // All at the same time: a transport may ask its server for all of them in one go.
    let subscriptions = interests.into_iter().map(|interest| subscribe(relay, info, interest));
    let mut feed = Feed::new();
    feed.set_filter(relay.config.authorizer.deliver(info));
    for subscription in try_join_all(subscriptions).await? {
        feed.insert(subscription);
    }
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        // Otherwise nginx keeps events until it has a buffer full of them.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let stream = SseBody::new(feed, listed, relay.clone());
    let body = match request.extensions.get::<Handover>() {
        None => Body::new(stream),
        Some(handover) => {
            handover.put(stream);
            // Of no known length, or that would be said in the answer's head.
            Body::from_stream(futures_util::stream::empty::<Result<bytes::Bytes, std::convert::Infallible>>())
        }
    };
    Ok((headers, body).into_response())
}

async fn subscribe(
    relay: &Shared,
    info: &ConnectionInfo,
    interest: Interest,
) -> Result<RawSubscription, Problem> {
    let topic = interest.to_string();
    rights::may_subscribe(&*relay.config.authorizer, info, &interest)
        .await
        .map_err(|denied| Problem::from(denied).of_topic(topic.clone()))?;
    relay
        .target
        .subscribe_raw(interest, relay.config.bounds)
        .await
        .map_err(|error| Problem::from(error).with("topic", topic))
}

//! What a hub is like for its clients.

use std::time::{Duration, SystemTime};

use alk_pubsub::ws_client::{Error as LinkError, ErrorKind};
use alk_pubsub::{Error, ErrorKind as CoreKind};

use super::clock::clock;
use super::finding::Finding;
use super::readiness::readiness;
use super::round_trip::round_trip;
use crate::cli::HubUrl;
use crate::error::described;
use crate::remote::Credentials;

pub(super) async fn examine(url: &HubUrl, credentials: &Credentials, findings: &mut Vec<Finding>) {
    let asked = SystemTime::now();
    let answer = readiness(url, credentials.authorities.as_deref()).await;
    let answered = asked + asked.elapsed().unwrap_or_default();
    let date = answer.as_ref().ok().and_then(|answer| answer.date);
    findings.push(match answer.map(|answer| (answer.status, answer.body)) {
        Ok((200, _)) => Finding::ok("hub-ready", "it takes clients"),
        Ok((503, why)) => Finding::fail(
            "hub-ready",
            format!("it takes no clients now: {}", why.trim()),
            "Its log says more; a hub without its Redis is ready again when Redis is. A draining one is about to end.",
        ),
        Ok((status, _)) => Finding::warn(
            "hub-ready",
            format!("/readyz answers {status}"),
            "Is there a proxy in between that does not pass /readyz on, or another program?",
        ),
        Err(error) => Finding::fail(
            "hub-ready",
            format!("/readyz beside {url}: {error}"),
            "Is `alk-hub serve` running there, and may this machine reach it? A hub with --tls-cert is wss://, and \
             where its authority is your own, --ca-file names it.",
        ),
    });
    if let Some(date) = date {
        // It tells whole seconds, and may look at its clock once a second.
        findings.push(clock("hub-clock", date, Duration::from_secs(2), asked, answered));
    }
    let target = match credentials.client(url).connect().await {
        Ok(target) => target,
        Err(error) => {
            findings.push(Finding::fail(
                "hub-websocket",
                format!("{url}: {}", described(&error)),
                advice(&error),
            ));
            return;
        }
    };
    // Another version of the protocol would have been refused.
    findings.push(Finding::ok("hub-websocket", format!("{url} speaks version 1 of the protocol")));
    let trip = round_trip(target).await;
    findings.extend([("hub-subscribe", trip.topic), ("hub-publish", trip.publish)].into_iter().map(round));
    if let Some(took) = trip.took {
        findings.push(Finding::ok("hub-round-trip", format!("an event came back after {took:.1?}")));
    }
}

fn round((check, outcome): (&'static str, Result<(), Error>)) -> Finding {
    match outcome {
        Ok(()) => Finding::ok(check, "granted"),
        Err(error) if error.kind() == CoreKind::Denied => Finding::warn(
            check,
            described(&error),
            "So the hub was set up: see --allow-anonymous, or what a token grants.",
        ),
        Err(error) => Finding::fail(check, described(&error), "The hub's log and its /stats know more."),
    }
}

fn advice(error: &LinkError) -> &'static str {
    match error.kind() {
        ErrorKind::Refused => {
            "It does not let this client in: does it ask for a token? Show it one with --token-file or --token."
        }
        ErrorKind::Protocol => {
            "Is that a hub? It has its WebSockets at /ws; a proxy in between has to pass upgrades on."
        }
        ErrorKind::Config => "Write the URL as in ws://127.0.0.1:7400/ws or wss://hub.example/ws.",
        _ => {
            "Is `alk-hub serve` running there, and may this machine reach it? A hub with --tls-cert is wss://."
        }
    }
}

//! Who is let through to what.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use alk_pubsub::ws_server::Identity;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, header};

use super::claims::Grant;
use super::credentials::{self, Credentials};
use crate::cli::Rights;
use crate::serve::{Hub, Refusal, is_loopback};

/// Takes the token out of a request, for the gates behind, and out of sight of everything else.
pub(crate) async fn present(State(hub): State<Arc<Hub>>, mut request: Request, next: Next) -> Response {
    match credentials::take(&mut request) {
        Credentials::Conflicting => return hub.refusals.refuse(Refusal::ConflictingTokens),
        credentials => {
            request.extensions_mut().insert(credentials);
        }
    }
    next.run(request).await
}

/// Who has a good token, and anonymous clients where they may do anything.
pub(crate) async fn authenticated(State(hub): State<Arc<Hub>>, mut request: Request, next: Next) -> Response {
    match identify(&hub, &request) {
        Err(fault) => hub.refusals.refuse_token(&fault),
        Ok(identity) if identity.is_anonymous() && hub.authorizer.anonymous == Rights::default() => {
            hub.refusals.refuse(Refusal::NoToken)
        }
        Ok(identity) => {
            request.extensions_mut().insert(identity);
            next.run(request).await
        }
    }
}

/// That a request may see everything there is to see.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admin;

/// Who has a token for it; anybody of this machine; and everybody where everybody may do everything.
pub(crate) async fn admin(State(hub): State<Arc<Hub>>, mut request: Request, next: Next) -> Response {
    let identity = match identify(&hub, &request) {
        Ok(identity) => identity,
        Err(fault) => return hub.refusals.refuse_token(&fault),
    };
    let all = hub.authorizer.anonymous == Rights::ALL;
    if identity.find::<Grant>().map_or(all, |grant| grant.admin) {
        request.extensions_mut().insert(Admin);
    } else if !is_local(&request) {
        let no_token = identity.is_anonymous() && hub.authorizer.keys.is_some();
        return hub.refusals.refuse(if no_token { Refusal::NoToken } else { Refusal::NotAdmin });
    }
    next.run(request).await
}

/// Who asks, or what is wrong with its token.
fn identify(hub: &Hub, request: &Request) -> Result<Identity, Cow<'static, str>> {
    let Some(keys) = &hub.authorizer.keys else { return Ok(Identity::ANONYMOUS) };
    match request.extensions().get::<Credentials>() {
        Some(Credentials::Token(token)) => keys.verify(token.as_str()).map_err(|fault| fault.detail()),
        Some(Credentials::Other) => Err("this hub knows bearer tokens only".into()),
        _ => Ok(Identity::ANONYMOUS),
    }
}

/// Whether a request comes from this machine, and not by a proxy on it: one that says so, or one that passes on under what
/// name it was asked.
fn is_local(request: &Request) -> bool {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback())
        && host.is_some_and(is_loopback)
        && !is_forwarded(request.headers())
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"]
        .into_iter()
        .any(|name| headers.contains_key(name))
}

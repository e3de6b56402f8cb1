//! A hub within a web application that has users and sessions already: who may hear and say what is decided by the session
//! that the request's cookie names.
//!
//! A browser sends the cookie along whichever page asks. So a request that says where its page comes from has to come from a page
//! of the application itself, WebSockets above all, which CORS does not hold back. The cookie should be set with
//! `HttpOnly; Secure; SameSite=Lax` beside that, not instead of it: other hosts of the same domain are of the same site.
//!
//!     cargo run -p alk-pubsub --features sse,ws-server --example session_cookie
//!     curl -N -H 'cookie: sid=carols' 'http://127.0.0.1:8080/events?topic=build:website'
//!     curl -H 'cookie: sid=carols' -H 'content-type: application/json' http://127.0.0.1:8080/events \
//!          -d '{"type":"build","id":"website","payload":"green"}'
//!     curl -X POST -H 'cookie: sid=carols' http://127.0.0.1:8080/logout

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alk_pubsub::sse::{PublishHandler, SseRelay};
use alk_pubsub::ws_server::{Authorizer, ConnectionInfo, Denied, Identity, WsServerEventTarget};
use alk_pubsub::{EventFilter, InProcessEventTarget, Interest, TargetFuture, Topic};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::time::Instant;

/// What the application knows of a session. In a real one this comes from its framework and its database.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Whose it is.
    pub(crate) user: String,
    /// What the user may see.
    pub(crate) projects: Vec<String>,
    /// When the user has to log in again.
    pub(crate) ends: Instant,
}

/// All sessions by their cookie.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<String, Session>>>);

impl Sessions {
    /// Somebody has logged in.
    pub(crate) fn insert(&self, cookie: &str, user: &str, projects: &[&str]) {
        let projects = projects.iter().map(|&project| project.to_owned()).collect();
        let session =
            Session { user: user.to_owned(), projects, ends: Instant::now() + Duration::from_secs(3600) };
        self.lock().insert(cookie.to_owned(), session);
    }

    /// Asks the database.
    async fn find(&self, headers: &HeaderMap) -> Option<Session> {
        let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
        let cookie = cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("sid="))?;
        tokio::task::yield_now().await;
        self.lock().get(cookie).cloned()
    }

    fn knows(&self, user: Option<&str>) -> bool {
        self.lock().values().any(|session| Some(session.user.as_str()) == user)
    }

    fn forget(&self, user: &str) {
        self.lock().retain(|_, session| session.user != user);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the application's own pages are.
#[derive(Debug, Clone)]
struct Origin(&'static str);

/// Programs do not say where a page comes from; browsers do, and pages cannot change it.
fn is_foreign(headers: &HeaderMap, own: &Origin) -> bool {
    headers.get(header::ORIGIN).is_some_and(|origin| origin != own.0)
}

/// Finds out who asks, before the hub sees the request. Who has no session goes no further.
async fn who(
    State((sessions, own)): State<(Sessions, Origin)>,
    mut request: Request,
    next: Next,
) -> Response {
    if is_foreign(request.headers(), &own) {
        return (StatusCode::FORBIDDEN, "this page is none of ours\n").into_response();
    }
    let Some(session) = sessions.find(request.headers()).await else {
        return (StatusCode::UNAUTHORIZED, "log in first\n").into_response();
    };
    let identity = Identity::new(session.user.clone()).expires_at(session.ends).context(session);
    request.extensions_mut().insert(identity);
    next.run(request).await
}

/// Everybody hears and says what is about their own projects. Drafts are sent to nobody but administrators.
#[derive(Debug, Clone)]
struct Members(Sessions);

fn is_member(connection: &ConnectionInfo, project: &str) -> Result<(), Denied> {
    let identity = connection.identity();
    let member =
        identity.find::<Session>().is_some_and(|session| session.projects.iter().any(|own| own == project));
    if member { Ok(()) } else { Err(Denied::new("this is not one of your projects")) }
}

impl Authorizer for Members {
    /// From here on `disconnect` does not miss it; but since its cookie was looked at, its user may have logged out.
    fn connect(&self, connection: &ConnectionInfo) -> TargetFuture<Result<(), Denied>> {
        let known = self.0.knows(connection.identity().subject());
        TargetFuture::ready(if known { Ok(()) } else { Err(Denied::expired("log in again")) })
    }

    fn may_subscribe(&self, connection: &ConnectionInfo, interest: &Interest) -> Result<(), Denied> {
        match interest {
            Interest::Topic(topic) => is_member(connection, topic.id()),
            _ => Err(Denied::new("say which project")),
        }
    }

    fn may_publish(&self, connection: &ConnectionInfo, topic: &Topic) -> Result<(), Denied> {
        is_member(connection, topic.id())
    }

    fn deliver(&self, connection: &ConnectionInfo) -> Option<EventFilter> {
        let admin = connection.identity().subject() == Some("admin");
        (!admin).then(|| -> EventFilter { Box::new(|event| event.topic().event_type().as_str() != "draft") })
    }
}

/// The application's routes; its pages are at this origin.
pub(crate) fn app(sessions: Sessions, origin: &'static str) -> Router {
    let target = InProcessEventTarget::in_process();
    let members = Members(sessions.clone());
    let hub = WsServerEventTarget::builder(target.clone()).authorizer(members.clone()).build();
    let streams = SseRelay::builder(target.clone()).authorizer(members.clone()).build();
    let publish = PublishHandler::builder(target).authorizer(members).build();

    let ending = (hub.clone(), streams.clone(), sessions.clone());
    let logout = async |State((hub, streams, sessions)): State<(WsServerEventTarget, SseRelay, Sessions)>,
                        identity: axum::Extension<Identity>| {
        let Some(user) = identity.subject().map(str::to_owned) else { return StatusCode::NO_CONTENT };
        sessions.forget(&user);
        // What is open ends too, whichever way it came in.
        let is_theirs = |connection: &ConnectionInfo| connection.identity().subject() == Some(&user);
        hub.disconnect(is_theirs);
        streams.disconnect(is_theirs);
        StatusCode::NO_CONTENT
    };
    Router::new()
        .route("/ws", hub.handler())
        .route("/events", streams.handler().merge(publish.handler()))
        .route("/logout", post(logout).with_state(ending))
        .layer(from_fn_with_state((sessions, Origin(origin)), who))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = Sessions::default();
    sessions.insert("carols", "carol", &["website"]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, app(sessions, "http://127.0.0.1:8080")).await?;
    Ok(())
}

//! One request: from a body to events.

use std::time::Duration;

use alk_pubsub_core::{Encoding, Event};
use alk_pubsub_link::{ConnectionInfo, Denied};
use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::header;
use http::request::Parts;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::Tally;
use super::handler::Shared;
use super::lines::{Lines, TooLong};
use super::rate::PublishRate;
use crate::listed;
use crate::problem::{Code, Problem};

/// How many events are published before others get a turn.
const AT_ONCE: u64 = 64;

/// How long, and how much of, the rest of a body is read after a refusal. A connection that is closed with unread bytes
/// in it is reset, and the client would not see the answer.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 16 << 20;

pub(super) struct Receiving<'a> {
    shared: &'a Shared,
    request: &'a Parts,
    info: ConnectionInfo,
    expires: Option<Instant>,
    body: BodyDataStream,
    rate: Option<PublishRate>,
    tally: Tally,
}

impl<'a> Receiving<'a> {
    pub(super) fn new(shared: &'a Shared, request: &'a Parts, body: Body) -> Self {
        let rate = shared.config.max_rate.map(|rate| {
            let of_connection = request.extensions.get::<PublishRate>().cloned();
            of_connection.unwrap_or_else(|| PublishRate::per_second(rate))
        });
        // Nothing refers to a request later, so it needs no id.
        let info = listed::info(request, "");
        let expires = info.identity().expires();
        Self { shared, request, info, expires, body: body.into_data_stream(), rate, tally: Tally::default() }
    }

    pub(super) async fn run(&mut self) -> Result<(), Problem> {
        self.shared.config.authorizer.connect(&self.info).await?;
        if self.request.headers.get_all(header::CONTENT_ENCODING).iter().any(|coding| coding != "identity") {
            return Err(Problem::new(
                Code::MediaType,
                "send the body as it is: no content-encoding is taken",
            ));
        }
        let content_type = self.request.headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/json") {
            self.one().await
        } else if media_type.eq_ignore_ascii_case("application/x-ndjson") {
            self.many().await
        } else {
            let detail = "send one envelope as `content-type: application/json`, or one a line as `application/x-ndjson`";
            Err(Problem::new(Code::MediaType, detail))
        }
    }

    pub(super) fn into_tally(self) -> Tally {
        self.tally
    }

    /// Reads what is still coming, within bounds, and says what was published.
    pub(super) async fn refuse(mut self, problem: Problem) -> Problem {
        let rest = async {
            let mut read = 0;
            while let Some(Ok(piece)) = self.body.next().await {
                read += piece.len();
                if read > LINGER_BYTES {
                    break;
                }
            }
        };
        // Whether the rest has come makes no difference to the answer.
        let _ = timeout(LINGER, rest).await;
        self.tally.in_problem(problem)
    }

    async fn one(&mut self) -> Result<(), Problem> {
        let most = self.shared.config.max_frame_bytes;
        let deadline = self.deadline();
        let mut envelope = BytesMut::new();
        while let Some(piece) = self.piece(deadline).await? {
            if envelope.len() + piece.len() > most {
                return Err(self.too_large());
            }
            envelope.extend_from_slice(&piece);
        }
        self.publish(envelope.freeze()).await
    }

    async fn many(&mut self) -> Result<(), Problem> {
        let mut lines = Lines::new(self.shared.config.max_frame_bytes);
        let mut deadline = self.deadline();
        while let Some(mut piece) =
            self.piece(deadline).await.map_err(|problem| problem.on_line(lines.number() + 1))?
        {
            loop {
                let line = lines.next_in(&mut piece);
                let Some(line) = self.checked(line, &lines)? else { break };
                self.publish_line(line, &lines).await?;
                deadline = self.deadline();
            }
        }
        let rest = lines.finish();
        match self.checked(rest, &lines)? {
            Some(rest) => self.publish_line(rest, &lines).await,
            None => Ok(()),
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.shared.config.line_timeout
    }

    /// The next piece of the body; `None` at its end.
    async fn piece(&mut self, deadline: Instant) -> Result<Option<Bytes>, Problem> {
        let next = timeout_at(deadline, self.body.next());
        match self.shared.closing.run_until_cancelled(next).await {
            None => Err(Problem::shutting_down()),
            Some(Err(_)) => {
                let seconds = self.shared.config.line_timeout.as_secs();
                Err(Problem::new(Code::TooSlow, format!("nothing complete arrived for {seconds} s")))
            }
            // The client has broken off, so that nobody reads this.
            Some(Ok(Some(Err(error)))) => {
                Err(Problem::new(Code::BadFrame, format!("the body broke off: {error}")))
            }
            Some(Ok(Some(Ok(piece)))) => Ok(Some(piece)),
            Some(Ok(None)) => Ok(None),
        }
    }

    fn too_large(&self) -> Problem {
        let most = self.shared.config.max_frame_bytes;
        Problem::new(Code::TooLarge, format!("an envelope has at most {most} bytes"))
            .with("max_frame_bytes", most)
    }

    fn checked(&self, line: Result<Option<Bytes>, TooLong>, lines: &Lines) -> Result<Option<Bytes>, Problem> {
        line.map_err(|TooLong| self.too_large().on_line(lines.number()))
    }

    async fn publish_line(&mut self, line: Bytes, lines: &Lines) -> Result<(), Problem> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        self.publish(line).await.map_err(|problem| problem.on_line(lines.number()))
    }

    async fn publish(&mut self, envelope: Bytes) -> Result<(), Problem> {
        let event = Event::from_encoded(Encoding::JSON, envelope)?;
        if self.expires.is_some_and(|end| Instant::now() >= end) {
            return Err(Denied::expired("the credentials of this request have expired").into());
        }
        self.shared
            .config
            .authorizer
            .may_publish(&self.info, event.topic())
            .map_err(|denied| Problem::from(denied).of_topic(event.topic().to_string()))?;
        if let Some(rate) = &self.rate {
            let taken = self.shared.closing.run_until_cancelled(rate.take()).await;
            taken.ok_or_else(Problem::shutting_down)?;
        }
        let published = self.shared.target.dispatch_event(event).await?;
        self.tally.add(published);
        self.shared.counters.published.add(1);
        // A long body in large pieces would otherwise keep its subscribers from running until they have lagged too far.
        if self.tally.published.is_multiple_of(AT_ONCE) {
            yield_now().await;
        }
        Ok(())
    }
}

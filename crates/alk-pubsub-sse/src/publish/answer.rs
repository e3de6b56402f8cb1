use alk_pubsub_core::Published;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::problem::Problem;

/// What was published so far, and to how many.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) published: u64,
    /// `None` once the transport did not say.
    receivers: Option<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { published: 0, receivers: Some(0) }
    }
}

impl Tally {
    pub(super) fn add(&mut self, published: Published) {
        self.published += 1;
        self.receivers =
            self.receivers.zip(published.known_receivers()).map(|(all, more)| all.saturating_add(more));
    }

    fn receivers(&self) -> Value {
        self.receivers.map_or(Value::Null, Value::from)
    }

    /// Says in a refusal what was published before.
    pub(super) fn in_problem(&self, problem: Problem) -> Problem {
        problem.with("published", self.published).with("receivers", self.receivers())
    }
}

impl IntoResponse for Tally {
    fn into_response(self) -> Response {
        let body = format!("{}\n", json!({"published": self.published, "receivers": self.receivers()}));
        let json = HeaderValue::from_static("application/json");
        (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, json)], body).into_response()
    }
}

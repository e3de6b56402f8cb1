use std::sync::Arc;

use alk_pubsub::ws_server::{Authorizer, BearerToken, ConnectionInfo, Denied, Identity};
use alk_pubsub::{Interest, TargetFuture, Topic};

use super::claims::Grant;
use super::fault::Fault;
use super::keys::Keys;
use crate::cli::Rights;

/// Who has a token may do what it says, everybody else what anonymous clients may.
#[derive(Debug, Clone)]
pub(crate) struct HubAuthorizer {
    pub(super) keys: Option<Arc<Keys>>,
    pub(super) anonymous: Rights,
}

impl HubAuthorizer {
    pub(crate) fn new(keys: Option<Keys>, anonymous: Rights) -> Self {
        Self { keys: keys.map(Arc::new), anonymous }
    }
}

impl HubAuthorizer {
    pub(crate) fn anonymous_hear_everything(&self) -> bool {
        self.anonymous.everything
    }
}

impl Authorizer for HubAuthorizer {
    fn may_subscribe(&self, connection: &ConnectionInfo, interest: &Interest) -> Result<(), Denied> {
        match connection.identity().find::<Grant>() {
            None => self.anonymous.may_subscribe(connection, interest),
            Some(grant) if grant.subscribe.allow(interest) => Ok(()),
            Some(_) => Err(Denied::new("the token does not allow to subscribe to it")),
        }
    }

    fn may_publish(&self, connection: &ConnectionInfo, topic: &Topic) -> Result<(), Denied> {
        match connection.identity().find::<Grant>() {
            None => self.anonymous.may_publish(connection, topic),
            Some(grant) if grant.publish.allow_topic(topic) => Ok(()),
            Some(_) => Err(Denied::new("the token does not allow to publish to it")),
        }
    }

    fn refresh(&self, _: &ConnectionInfo, token: &BearerToken) -> TargetFuture<Result<Identity, Denied>> {
        let identity = match &self.keys {
            None => Err(Denied::new("this hub takes no tokens")),
            Some(keys) => keys.verify(token.as_str()).map_err(|fault| match fault {
                Fault::Expired => Denied::expired(fault.detail()),
                fault => Denied::new(fault.detail()),
            }),
        };
        TargetFuture::ready(identity)
    }
}

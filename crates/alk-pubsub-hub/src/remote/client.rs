use std::path::Path;

use alk_pubsub::ws_client::{WsClientBuilder, WsClientEventTarget};

use crate::cli::{BearerArgs, HubUrl};
use crate::error::Error;

/// What a hub is shown, and whom it is believed.
#[derive(Default)]
pub(crate) struct Credentials {
    token: Option<String>,
    /// PEM of the authorities to trust, where those of the system are not meant.
    pub(crate) authorities: Option<Vec<u8>>,
}

impl Credentials {
    /// Reads the files that are named.
    pub(crate) fn read(bearer: BearerArgs, ca_file: Option<&Path>) -> Result<Self, Error> {
        let token = bearer.read()?;
        let authorities = match ca_file {
            None => None,
            Some(path) => Some(
                std::fs::read(path)
                    .map_err(|error| Error::Usage(format!("cannot read {}: {error}", path.display())))?,
            ),
        };
        Ok(Self { token, authorities })
    }

    /// A client of this hub, to be set up further.
    pub(crate) fn client(&self, url: &HubUrl) -> WsClientBuilder {
        let mut builder = WsClientEventTarget::builder(url.secret());
        if let Some(pem) = &self.authorities {
            builder = builder.root_certificates(pem);
        }
        if let Some(token) = &self.token {
            builder = builder.bearer_token(token);
        }
        builder
    }
}

//! `alk-hub token`.

use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};

use super::claims::ADMIN;
use super::{files, keys};
use crate::cli::TokenArgs;
use crate::error::Error;

/// Makes a token and prints it, and nothing else, on standard output.
pub(crate) fn print_token(arguments: &TokenArgs) -> Result<(), Error> {
    let (algorithm, key) = key(arguments)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let Some(end) = now.checked_add(arguments.ttl.as_secs().max(1)) else {
        return Err(Error::Usage("--ttl is too long".to_owned()));
    };
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), arguments.sub.as_str().into());
    claims.insert("iat".to_owned(), now.into());
    claims.insert("exp".to_owned(), end.into());
    for (name, patterns) in [("subscribe", &arguments.subscribe), ("publish", &arguments.publish)] {
        if !patterns.is_empty() {
            claims
                .insert(name.to_owned(), json!(patterns.iter().map(ToString::to_string).collect::<Vec<_>>()));
        }
    }
    if arguments.admin {
        claims.insert("scope".to_owned(), ADMIN.into());
    }
    let header = Header { kid: arguments.kid.clone(), ..Header::new(algorithm) };
    let token = encode(&header, &Value::Object(claims), &key)
        .map_err(|error| Error::Failed(format!("cannot sign with that key: {error}")))?;
    // Nobody needs to be there to read it.
    let _ = writeln!(std::io::stdout(), "{token}");
    Ok(())
}

fn key(arguments: &TokenArgs) -> Result<(Algorithm, EncodingKey), Error> {
    if let Some(path) = &arguments.jwt_secret_file {
        return Ok((Algorithm::HS256, EncodingKey::from_secret(&keys::read_secret(path, warn)?)));
    }
    let Some(path) = &arguments.jwt_private_key_file else {
        return Err(Error::Usage(
            "say by --jwt-secret-file or --jwt-private-key-file what to sign with".to_owned(),
        ));
    };
    let (pem, warning) = files::read_secret(path)?;
    warning.as_deref().into_iter().for_each(warn);
    of_pem(&pem).ok_or_else(|| wrong(path))
}

fn of_pem(pem: &[u8]) -> Option<(Algorithm, EncodingKey)> {
    let rsa = || EncodingKey::from_rsa_pem(pem).ok().map(|key| (Algorithm::RS256, key));
    let ec = || EncodingKey::from_ec_pem(pem).ok().map(|key| (Algorithm::ES256, key));
    let ed = || EncodingKey::from_ed_pem(pem).ok().map(|key| (Algorithm::EdDSA, key));
    rsa().or_else(ec).or_else(ed)
}

fn wrong(path: &Path) -> Error {
    Error::Failed(format!(
        "{} is no private key in PEM: RSA, or EC P-256 or Ed25519 as PKCS #8",
        path.display()
    ))
}

fn warn(warning: &str) {
    let _ = writeln!(std::io::stderr(), "alk-hub: {warning}");
}

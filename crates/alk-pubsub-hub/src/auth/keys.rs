//! The keys that tokens are checked with.

use std::path::Path;

use alk_pubsub::ws_server::Identity;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

use super::claims::Claims;
use super::fault::Fault;
use super::files;
use crate::cli::ServeArgs;
use crate::error::Error;

/// The shortest secret, in bytes: as long as what HS256 makes of it.
const SHORTEST_SECRET: usize = 32;

/// Keys that tokens may be signed with. What algorithm each is for is a matter of the key, never of the token.
pub(crate) struct Keys(Vec<Key>);

struct Key {
    id: Option<String>,
    key: DecodingKey,
    validation: Validation,
}

impl Key {
    fn new(id: Option<String>, algorithm: Algorithm, key: DecodingKey) -> Self {
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["exp", "sub"]);
        // To the second: what ends, ends.
        validation.leeway = 0;
        validation.validate_nbf = true;
        // For whom a token is, is told by who has the key.
        validation.validate_aud = false;
        Self { id, key, validation }
    }
}

impl Keys {
    /// What the command line names, if it names any.
    pub(crate) fn load(arguments: &ServeArgs) -> Result<Option<Self>, Error> {
        let secret = arguments.jwt_secret_file.as_deref().map(Self::secret);
        secret.or_else(|| arguments.jwt_public_key_file.as_deref().map(Self::public)).transpose()
    }

    /// The secret in this file; ends of lines at its end are no part of it.
    fn secret(path: &Path) -> Result<Self, Error> {
        let secret = read_secret(path, |warning| tracing::warn!("{warning}"))?;
        Ok(Self(vec![Key::new(None, Algorithm::HS256, DecodingKey::from_secret(&secret))]))
    }

    /// The public key in this PEM file, or those of this JWKS file.
    fn public(path: &Path) -> Result<Self, Error> {
        let content = files::read(path)?;
        let wrong = |why: &str| Error::Failed(format!("cannot use {}: {why}", path.display()));
        if content.trim_ascii_start().starts_with(b"{") {
            let set: JwkSet = serde_json::from_slice(&content).map_err(|error| wrong(&error.to_string()))?;
            return of_set(&set).map_err(|why| wrong(&why));
        }
        if content.windows(11).any(|part| part == b"PRIVATE KEY") {
            return Err(wrong(
                "it is a private key; the hub needs the public one, and the private one is for whoever makes tokens",
            ));
        }
        let (algorithm, key) = of_pem(&content).ok_or_else(|| {
            wrong("it is neither a public key in PEM (RSA, EC P-256 or Ed25519) nor a JWKS file")
        })?;
        Ok(Self(vec![Key::new(None, algorithm, key)]))
    }

    /// Who has this token.
    pub(super) fn verify(&self, token: &str) -> Result<Identity, Fault> {
        // An algorithm that is not known, as `none`, makes a head that is none.
        let header = decode_header(token)?;
        let key = match (self.0.as_slice(), &header.kid) {
            ([only], kid) if kid.is_none() || only.id.is_none() || only.id == *kid => only,
            (_, None) => return Err(Fault::NoKey),
            (keys, kid) => keys.iter().find(|key| key.id == *kid).ok_or(Fault::UnknownKey)?,
        };
        let claims = decode::<serde_json::Value>(token, &key.key, &key.validation)?.claims;
        let claims: Claims = serde_json::from_value(claims).map_err(|_| Fault::Claims)?;
        claims.into_identity()
    }
}

/// A secret for HS256 that is long enough.
pub(super) fn read_secret(path: &Path, warn: impl Fn(&str)) -> Result<Vec<u8>, Error> {
    let (mut secret, warning) = files::read_secret(path)?;
    warning.as_deref().into_iter().for_each(warn);
    while secret.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
        secret.pop();
    }
    if secret.len() < SHORTEST_SECRET {
        return Err(Error::Failed(format!(
            "the secret in {} has {} bytes; it needs at least {SHORTEST_SECRET}, as from `openssl rand -hex 32`",
            path.display(),
            secret.len()
        )));
    }
    Ok(secret)
}

fn of_pem(pem: &[u8]) -> Option<(Algorithm, DecodingKey)> {
    let rsa = DecodingKey::from_rsa_pem(pem).map(|key| (Algorithm::RS256, key));
    let ec = || {
        let key = DecodingKey::from_ec_pem(pem).ok()?;
        // An uncompressed point of P-256; those of other curves have other lengths.
        let p256 = key.try_get_as_bytes().is_ok_and(|point| point.len() == 65);
        p256.then_some((Algorithm::ES256, key))
    };
    let ed = || DecodingKey::from_ed_pem(pem).ok().map(|key| (Algorithm::EdDSA, key));
    rsa.ok().or_else(ec).or_else(ed)
}

fn of_set(set: &JwkSet) -> Result<Keys, String> {
    let mut keys: Vec<Key> = Vec::new();
    for jwk in &set.keys {
        let id = jwk.common.key_id.clone();
        let name = id.clone().unwrap_or_else(|| "without a `kid`".to_owned());
        if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
            continue;
        }
        let Some(algorithm) = algorithm(jwk) else {
            tracing::warn!(key = name, "a key is left out: only RS256, ES256 and EdDSA are known here");
            continue;
        };
        let key = DecodingKey::from_jwk(jwk).map_err(|error| format!("the key {name}: {error}"))?;
        if keys.iter().any(|other| other.id == id) {
            return Err(format!("there are two keys {name}"));
        }
        keys.push(Key::new(id, algorithm, key));
    }
    match keys.as_slice() {
        [] => Err("it has no key for RS256, ES256 or EdDSA".to_owned()),
        [_] => Ok(Keys(keys)),
        several if several.iter().all(|key| key.id.is_some()) => Ok(Keys(keys)),
        _ => Err("of several keys each needs a `kid`".to_owned()),
    }
}

/// The algorithm that a key is for, if it is one of ours.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    jwk.common.key_algorithm.as_ref().is_none_or(|other| *other == named).then_some(algorithm)
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Keys").field(&self.0.len()).finish()
    }
}

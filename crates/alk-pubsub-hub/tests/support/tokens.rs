//! Keys and tokens.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// Long enough for HS256.
pub(crate) const SECRET: &str = "0123456789abcdef-0123456789abcdef";

/// A file of the folder `keys`.
pub(crate) fn key_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys").join(name)
}

/// So many seconds from now.
pub(crate) fn in_seconds(seconds: f64) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64();
    now + seconds
}

/// A token with the secret, for `ann`, that is good for an hour, with these claims instead of or beside those.
pub(crate) fn token(claims: Value) -> String {
    signed(&Header::new(Algorithm::HS256), &EncodingKey::from_secret(SECRET.as_bytes()), claims)
}

/// The same with another key.
pub(crate) fn signed(header: &Header, key: &EncodingKey, claims: Value) -> String {
    let mut all = json!({"sub": "ann", "exp": in_seconds(3600.0)});
    if let (Some(all), Value::Object(claims)) = (all.as_object_mut(), claims) {
        all.extend(claims);
        all.retain(|_, claim| !claim.is_null());
    }
    encode(header, &all, key).expect("a token")
}

/// Writes a file that only its owner can read.
pub(crate) fn private_file(path: &Path, content: impl AsRef<[u8]>) -> String {
    std::fs::write(path, content).expect("a file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("permissions");
    }
    path.to_str().expect("UTF-8").to_owned()
}

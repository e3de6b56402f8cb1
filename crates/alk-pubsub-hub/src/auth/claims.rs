use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alk_pubsub::ws_server::Identity;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::fault::Fault;
use super::pattern::{Pattern, Patterns};

/// The claims of a token that the hub looks at.
#[derive(Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: String,
    /// In seconds since 1970; a fraction counts.
    pub(super) exp: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) subscribe: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) publish: Vec<String>,
    /// Words with spaces between; `admin` is the one that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<String>,
}

/// The scope of those who may see the hub's numbers.
pub(super) const ADMIN: &str = "admin";

/// Beyond this, nobody sees the difference and clocks overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// What a token allows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grant {
    pub(crate) subscribe: Patterns,
    pub(crate) publish: Patterns,
    pub(crate) admin: bool,
}

impl Claims {
    /// Who it is, until when, and with what rights.
    pub(super) fn into_identity(self) -> Result<Identity, Fault> {
        let left = self.left(SystemTime::now())?;
        let patterns = |texts: Vec<String>| {
            texts.iter().map(|text| text.parse::<Pattern>()).collect::<Result<Patterns, String>>()
        };
        let grant = Grant {
            subscribe: patterns(self.subscribe).map_err(Fault::Pattern)?,
            publish: patterns(self.publish).map_err(Fault::Pattern)?,
            admin: self.scope.is_some_and(|scope| scope.split(' ').any(|word| word == ADMIN)),
        };
        Ok(Identity::new(self.sub).expires_at(Instant::now() + left).context(grant))
    }

    fn left(&self, now: SystemTime) -> Result<Duration, Fault> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let end = Duration::try_from_secs_f64(self.exp).unwrap_or(if self.exp > 0.0 {
            LONGEST
        } else {
            Duration::ZERO
        });
        match end.checked_sub(now) {
            Some(left) if !left.is_zero() => Ok(left.min(LONGEST)),
            _ => Err(Fault::Expired),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(exp: f64) -> Claims {
        Claims { sub: "ann".into(), exp, subscribe: vec![], publish: vec![], scope: None }
    }

    #[test]
    fn how_much_is_left() {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let left = |exp| claims(exp).left(now).ok();
        assert_eq!(left(1000.5), Some(Duration::from_millis(500)));
        assert_eq!(left(f64::MAX), Some(LONGEST - Duration::from_secs(1000)));
        for exp in [1000.0, 999.0, 0.0, -1.0, f64::MIN, f64::NAN] {
            assert_eq!(left(exp), None, "{exp}");
        }
    }

    #[test]
    fn only_the_word_admin_is_admin() {
        for (scope, admin) in [
            (None, false),
            (Some(""), false),
            (Some("admin"), true),
            (Some("read admin"), true),
            (Some("administer"), false),
        ] {
            let claims = Claims { scope: scope.map(str::to_owned), ..claims(f64::MAX) };
            let identity = claims.into_identity().unwrap();
            assert_eq!(identity.find::<Grant>().unwrap().admin, admin, "{scope:?}");
        }
    }
}

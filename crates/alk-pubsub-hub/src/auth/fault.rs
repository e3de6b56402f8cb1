use std::borrow::Cow;
use std::fmt;

use jsonwebtoken::errors::{Error, ErrorKind};

/// What is wrong with a token. Says nothing of what is in it, but for a pattern that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is no token at all.
    Malformed,
    /// It was signed in another way than the key is for.
    Algorithm,
    /// It names no key of several.
    NoKey,
    /// It names a key that is not known.
    UnknownKey,
    Signature,
    Expired,
    NotYet,
    /// A claim is missing.
    Missing(String),
    /// A claim is not what it should be.
    Claims,
    /// A pattern is none, and why.
    Pattern(String),
}

impl Fault {
    /// The sentence for whoever has sent it.
    pub(super) fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::Malformed => {
                "the token is no JSON web token, or of an algorithm that is unknown here".into()
            }
            Self::Algorithm => "the token is signed with another algorithm than this hub's key is for".into(),
            Self::NoKey => "the token does not name its key (`kid`), and this hub has several".into(),
            Self::UnknownKey => "the token names a key (`kid`) that this hub does not have".into(),
            Self::Signature => "the token's signature does not fit this hub's key".into(),
            Self::Expired => "the token has expired".into(),
            Self::NotYet => "the token is not valid yet".into(),
            Self::Missing(claim) => format!("the token has no claim `{claim}`").into(),
            Self::Claims => "a claim of the token is not of the kind that it should be".into(),
            Self::Pattern(why) => why.clone().into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::ExpiredSignature => Self::Expired,
            ErrorKind::ImmatureSignature => Self::NotYet,
            ErrorKind::MissingRequiredClaim(claim) => Self::Missing(claim.clone()),
            ErrorKind::InvalidClaimFormat(_) => Self::Claims,
            ErrorKind::InvalidAlgorithm
            | ErrorKind::InvalidAlgorithmName
            | ErrorKind::UnsupportedAlgorithm => Self::Algorithm,
            ErrorKind::InvalidSignature => Self::Signature,
            _ => Self::Malformed,
        }
    }
}

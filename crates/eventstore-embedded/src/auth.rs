//! Who is asking, and what that user may do.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, header::AUTHORIZATION};

use crate::config::Access;

/// A user that the server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// May do anything. Without authentication, everybody is this one.
    Admin,
    /// May read, write and delete what the streams' lists let it: without one, all but `$all` and the streams whose name begins
    /// with `$`. It may manage persistent subscriptions of all streams.
    Ops,
}

impl User {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Ops => "ops",
        }
    }
}

impl Access {
    /// The user that a request's headers name, if the password is right.
    pub(crate) fn user(&self, headers: &HeaderMap) -> Option<User> {
        let Self::Passwords { admin, ops } = self else { return Some(User::Admin) };
        let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        let decoded =
            STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        let colon = decoded.iter().position(|byte| *byte == b':')?;
        let (name, password) = (&decoded[..colon], &decoded[colon + 1..]);
        match name {
            b"admin" if admin.is(password) => Some(User::Admin),
            b"ops" if ops.is(password) => Some(User::Ops),
            _ => None,
        }
    }
}

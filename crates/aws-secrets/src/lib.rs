//! Secrets Manager's secrets: the family `AWS::SecretsManager::Secret`, and the permission to read one.
//!
//! A spec says what is in a secret, never the value. Values are made here once, go to Secrets Manager and nowhere else:
//! no spec, output, tag, error or `Debug` shows one, and a survey does not read them, so a role that only plans needs no
//! right to.

mod certificate;
mod content;
mod ensure;
mod family;
mod key;
mod password;
mod scopes;
mod secret;
mod spec;
mod tags;
#[cfg(test)]
mod tests;
mod text;

pub use certificate::{Certificate, CertificateError};
pub use family::{DeletePolicy, Secrets};
pub use secret::Secret;
pub use spec::{Content, SecretSpec};
pub use text::SecretText;

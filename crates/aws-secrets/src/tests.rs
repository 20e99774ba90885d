//! The family against scripted Secrets Manager: every race that an emulator does not show, and every field of the spec.

mod certificates;
mod cloud;
mod create;
mod delete;
mod survey;
mod tls;
mod update;

use resource::{Desired, Key, Scope};
use time::{OffsetDateTime, macros::datetime};

use crate::{Content, DeletePolicy, SecretSpec, Secrets};
use aws_env::scripted::Script;

pub(crate) const NAME: &str = "headwater/dev/certificate";

pub(crate) fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

pub(crate) fn key() -> Key {
    "stateful/certificate".parse().unwrap()
}

pub(crate) fn password() -> Content {
    Content::Password { length: 32 }
}

pub(crate) fn certificate() -> Content {
    let names = ["eventstore.headwater-dev.internal", "localhost", "127.0.0.1"];
    let names = names.into_iter().map(str::to_owned).collect();
    Content::Certificate { names, valid_days: 365, renew_when_days_left: 30 }
}

pub(crate) fn trust(version: &str) -> Content {
    let certificate = scope().arn("secretsmanager", "secret:headwater/dev/certificate-AbCdEf");
    Content::Trust { certificate, version: version.to_owned() }
}

pub(crate) fn spec(content: Content) -> SecretSpec {
    SecretSpec { description: "A test's secret.".to_owned(), kms_key_id: None, content }
}

pub(crate) fn desired(content: Content) -> Desired<SecretSpec> {
    Desired { key: key(), name: Some(NAME.to_owned()), spec: spec(content) }
}

pub(crate) const RECOVERABLE: DeletePolicy = DeletePolicy::Recoverable { days: 7 };

/// The family on the day on which its certificates are made.
pub(crate) fn secrets(script: &Script) -> Secrets {
    Secrets::new(&script.config(), RECOVERABLE).with_clock(first_day)
}

pub(crate) fn first_day() -> OffsetDateTime {
    datetime!(2026-11-22 12:00 UTC)
}

/// 12 days before a certificate of the first day ends.
pub(crate) fn late() -> OffsetDateTime {
    datetime!(2027-11-10 12:00 UTC)
}

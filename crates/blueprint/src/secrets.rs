//! What EventStoreDB and its clients know each other by: passwords and certificate. They are stateful, made once.

use std::collections::BTreeSet;

use aws_secrets::{Content, Secret, SecretSpec, Secrets};
use resource::{Key, Node, Scope};

use crate::Error;
use crate::configuration::{Environment, TlsMode};
use crate::stack::node;

/// A deploy renews it, so it is to outlive the longest time between two deploys. A browser, as for the Admin UI, takes no
/// certificate of more than 398 days.
const VALID_DAYS: u32 = 365;
const RENEW_WHEN_DAYS_LEFT: u32 = 30;
/// 190 bits of letters and digits.
const PASSWORD_LENGTH: u32 = 32;

/// What the other stacks may refer to.
pub(crate) struct EventStoreSecrets {
    pub(crate) admin_password: Secret,
    pub(crate) ops_password: Secret,
    pub(crate) certificate: Secret,
    pub(crate) trust: Secret,
}

impl EventStoreSecrets {
    /// The secrets by their names alone.
    pub(crate) fn new(scope: &Scope) -> Result<Self, Error> {
        let secret = |name: &str, suffix: &str| {
            Ok::<_, Error>(Secret::new(scope, &Key::new(Key::STATEFUL, name)?, suffix))
        };
        Ok(Self {
            admin_password: secret("eventstore-admin-password", "eventstore/admin-password")?,
            ops_password: secret("eventstore-ops-password", "eventstore/ops-password")?,
            certificate: secret("eventstore-certificate", "eventstore/certificate")?,
            trust: secret("eventstore-trust", "eventstore/trust")?,
        })
    }

    pub(crate) fn stateful(&self, environment: &Environment, host_name: &str) -> Result<Vec<Node>, Error> {
        let password = || Content::Password { length: PASSWORD_LENGTH };
        let certificate = Content::Certificate {
            names: BTreeSet::from([host_name.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned()]),
            valid_days: VALID_DAYS,
            renew_when_days_left: RENEW_WHEN_DAYS_LEFT,
        };
        let trust =
            Content::Trust { certificate: self.certificate.arn(), version: self.certificate.version() };
        let mut secrets = vec![];
        if environment.eventstore.tls != TlsMode::Off {
            secrets.push((&self.admin_password, "EventStoreDB's user admin.", password()));
            secrets.push((&self.ops_password, "EventStoreDB's user ops.", password()));
        }
        if environment.eventstore.tls == TlsMode::Managed {
            secrets.push((&self.certificate, "EventStoreDB's certificate and its key.", certificate));
            secrets.push((&self.trust, "The authorities that EventStoreDB's clients trust.", trust));
        }
        let node = |(secret, description, content): (&Secret, &str, Content)| {
            let spec = SecretSpec { description: description.to_owned(), kms_key_id: None, content };
            node::<Secrets>(secret.key(), Some(secret.name()), &spec)
        };
        secrets.into_iter().map(node).collect()
    }
}

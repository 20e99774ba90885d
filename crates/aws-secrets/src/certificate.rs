//! The certificate of a node, and the authority that signed it.

use std::{collections::BTreeSet, fmt};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::{SecretText, key::key_pair};

/// The common name that a node expects of its peers. Servers before 23.10 expect just this one; later ones, that of
/// their own certificate: <https://docs.kurrent.io/server/v25.0/security/protocol-security.html#certificate-common-name>
const COMMON_NAME: &str = "eventstoredb-node";

/// How far a client's clock may be behind ours.
const SKEW: Duration = Duration::hours(1);

/// A node's certificate as its secret keeps it. All certificates and the key are PEM. `Debug` leaves the key out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// The authority that signed it.
    pub ca_certificate: String,
    /// The authority before that, which clients trust until the node has changed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_ca_certificate: Option<String>,
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub private_key: String,
    /// The DNS names and IP addresses that it is for.
    pub names: BTreeSet<String>,
    /// How long it was made for, in days.
    pub valid_days: u32,
    /// When it ends.
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The secret's value is something else. What it is instead is not told: it is secret.
    #[error(
        "the secret's value is no certificate that Headwater made; put its version AWSPREVIOUS back, or delete the \
         secret, and a new one is made"
    )]
    Unreadable,
    /// It could not be signed.
    #[error("the certificate could not be made")]
    Unsigned(#[from] rcgen::Error),
    /// It could not be written as JSON.
    #[error("the certificate could not be written")]
    Unwritten,
}

impl Certificate {
    /// A new certificate, signed by a new authority whose key is then forgotten. `previous` is the authority that clients
    /// trusted until now.
    pub(crate) fn issue(
        names: &BTreeSet<String>,
        valid_days: u32,
        now: OffsetDateTime,
        previous: Option<String>,
    ) -> Result<Self, CertificateError> {
        // X.509 has no fractions of a second here, and what is told of the certificate shall be what it says.
        let now = now.replace_nanosecond(0).unwrap_or(now);
        let not_after = now.saturating_add(Duration::days(i64::from(valid_days)));
        let valid = |mut params: CertificateParams| {
            (params.not_before, params.not_after) = (now.saturating_sub(SKEW), not_after);
            params
        };
        let authority = CertifiedIssuer::self_signed(valid(authority()), KeyPair::generate()?)?;
        let (public_key, private_key) = key_pair()?;
        let node = valid(node(names)?).signed_by(&public_key, &authority)?;
        Ok(Self {
            ca_certificate: authority.pem(),
            previous_ca_certificate: previous,
            certificate: node.pem(),
            private_key,
            names: names.clone(),
            valid_days,
            not_after,
        })
    }

    /// Whether it is for just these names and this long, and does not end within so many days.
    pub(crate) fn serves(
        &self,
        names: &BTreeSet<String>,
        valid_days: u32,
        renew_when_days_left: u32,
        now: OffsetDateTime,
    ) -> bool {
        self.names == *names
            && self.valid_days == valid_days
            && days_left(self.not_after, now) >= i64::from(renew_when_days_left)
    }

    /// What clients trust: the authority's certificate and, if there was one, the one before, in PEM.
    pub fn trust(&self) -> String {
        [Some(&self.ca_certificate), self.previous_ca_certificate.as_ref()]
            .into_iter()
            .flatten()
            .map(|pem| format!("{}\n", pem.trim_end()))
            .collect()
    }

    pub(crate) fn read(text: &SecretText) -> Result<Self, CertificateError> {
        serde_json::from_str(text.expose()).map_err(|_| CertificateError::Unreadable)
    }

    pub(crate) fn write(&self) -> Result<SecretText, CertificateError> {
        serde_json::to_string(self).map(SecretText::new).map_err(|_| CertificateError::Unwritten)
    }
}

/// Whole days until then; negative where it is past.
pub(crate) fn days_left(not_after: OffsetDateTime, now: OffsetDateTime) -> i64 {
    let seconds = (not_after - now).whole_seconds();
    seconds.div_euclid(Duration::DAY.whole_seconds())
}

/// An authority with a name of its own, so that nobody takes the next one's for it.
fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, format!("Headwater {}", Uuid::new_v4().simple()));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A node is a server to clients and a client to other nodes, and EventStoreDB asks for both usages or none.
fn node(names: &BTreeSet<String>) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, COMMON_NAME);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { names, valid_days, not_after, .. } = self;
        f.debug_struct("Certificate")
            .field("names", names)
            .field("valid_days", valid_days)
            .field("not_after", not_after)
            .finish_non_exhaustive()
    }
}

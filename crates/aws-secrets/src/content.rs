//! The values: made once, renewed in time, copied, and read by whoever may.

use aws_env::{At, retry_while};
use resource::{Class, Error, Key, Progress, Result};
use time::OffsetDateTime;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::{
    Certificate, CertificateError, Content, SecretText, Secrets,
    ensure::{SPREAD, is_absent},
    family::Found,
    password::password,
    tags::Facts,
};

const PUT: &str = "secretsmanager:PutSecretValue";

impl Secrets {
    /// The current value of the secret that `id`, a name or an ARN, means.
    ///
    /// # Errors
    /// [`Class::NotFound`] where there is no such secret or it has no value; what Secrets Manager refuses.
    pub async fn value(&self, id: &str) -> Result<SecretText> {
        Ok(self.read(id, None).await?.0)
    }

    /// The certificate that the secret holds which `id`, a name or an ARN, means.
    ///
    /// # Errors
    /// As [`Secrets::value`]; [`Class::Fatal`] where it holds something else.
    pub async fn certificate(&self, id: &str) -> Result<Certificate> {
        let value = self.value(id).await?;
        Certificate::read(&value)
            .map_err(|e| Error::new("secretsmanager:GetSecretValue", id, Class::Fatal, e))
    }

    /// Makes the value where there is none or it does not serve any more, and tells what is there then.
    pub(crate) async fn fill(
        &self,
        key: &Key,
        content: &Content,
        found: &Found,
        progress: &Progress,
    ) -> Result<Facts> {
        let kept = match &found.version {
            Some(_) => self.kept(key, content, &found.arn, progress).await?,
            None => Kept::Nothing,
        };
        let previous = match kept {
            Kept::Serves(facts) => return Ok(facts),
            Kept::Outlived(certificate) => Some(certificate.ca_certificate),
            Kept::Nothing => None,
        };
        let (value, not_after) = self.value_of(key, content, previous, progress).await?;
        Ok(Facts { version: Some(self.put(key, &found.arn, &value, progress).await?), not_after })
    }

    /// What to do with the value that is there. It decides by the value itself, since its tags may be those of the one
    /// before.
    async fn kept(&self, key: &Key, content: &Content, arn: &str, progress: &Progress) -> Result<Kept> {
        match content {
            Content::Certificate { names, valid_days, renew_when_days_left } => {
                let (value, version) = self.read_soon(arn, None, progress).await?;
                let certificate = Certificate::read(&value).map_err(|e| failed(key, e))?;
                let serves = certificate.serves(names, *valid_days, *renew_when_days_left, (self.now)());
                let facts = Facts { version: Some(version), not_after: Some(certificate.not_after) };
                Ok(if serves { Kept::Serves(facts) } else { Kept::Outlived(Box::new(certificate)) })
            }
            Content::Trust { .. } => {
                let (value, version) = self.read_soon(arn, None, progress).await?;
                let (wanted, _) = self.value_of(key, content, None, progress).await?;
                let facts = Facts { version: Some(version), not_after: None };
                Ok(if value == wanted { Kept::Serves(facts) } else { Kept::Nothing })
            }
            Content::Password { .. } | Content::Other => Ok(Kept::Serves(Facts::default())),
        }
    }

    /// A value with this content, and when it ends.
    pub(crate) async fn value_of(
        &self,
        key: &Key,
        content: &Content,
        previous_ca_certificate: Option<String>,
        progress: &Progress,
    ) -> Result<(SecretText, Option<OffsetDateTime>)> {
        match content {
            Content::Password { length } => Ok((password(*length), None)),
            Content::Certificate { names, valid_days, .. } => {
                let (names, valid_days, now) = (names.clone(), *valid_days, (self.now)());
                // A key takes half a second of the processor. Beside other steps, which run in one task, it keeps none waiting;
                // where it is given up, nothing is left but the rest of that time.
                let issued = spawn_blocking(move || {
                    Certificate::issue(&names, valid_days, now, previous_ca_certificate)
                });
                let broken_off = |error| Error::new(PUT, key, Class::Fatal, error);
                let certificate = issued.await.map_err(broken_off)?.map_err(|e| failed(key, e))?;
                Ok((certificate.write().map_err(|e| failed(key, e))?, Some(certificate.not_after)))
            }
            Content::Trust { certificate, version } => {
                let (value, _) = self.read_soon(certificate, Some(version), progress).await?;
                let certificate = Certificate::read(&value).map_err(|e| failed(key, e))?;
                Ok((SecretText::new(certificate.trust()), None))
            }
            Content::Other => Err(Error::new(PUT, key, Class::Fatal, "there is no making of such a value")),
        }
    }

    /// Makes the value a new version, the current one, and tells its id.
    async fn put(&self, key: &Key, arn: &str, value: &SecretText, progress: &Progress) -> Result<String> {
        // One token for all attempts: Secrets Manager makes one version of them.
        let put = self
            .client
            .put_secret_value()
            .secret_id(arn)
            .client_request_token(Uuid::new_v4().to_string())
            .secret_string(value.expose());
        let put = retry_while(&SPREAD, progress, "the secret to be known everywhere", is_absent, || {
            let put = put.clone();
            async move { put.send().await.at(PUT, key) }
        });
        let no_version = || Error::new(PUT, key, Class::Fatal, "Secrets Manager gave no version id");
        put.await?.version_id.ok_or_else(no_version)
    }

    /// The value, also where a host does not know the secret or its version yet.
    async fn read_soon(
        &self,
        id: &str,
        version: Option<&str>,
        progress: &Progress,
    ) -> Result<(SecretText, String)> {
        let waits_for = "the secret's value to be known everywhere";
        retry_while(&SPREAD, progress, waits_for, is_absent, || self.read(id, version)).await
    }

    /// A version's value, and its id; the current version where none is named.
    async fn read(&self, id: &str, version: Option<&str>) -> Result<(SecretText, String)> {
        let operation = "secretsmanager:GetSecretValue";
        let get = self.client.get_secret_value().secret_id(id).set_version_id(version.map(str::to_owned));
        let got = get.send().await.at(operation, id)?;
        match (got.secret_string, got.version_id) {
            (Some(value), Some(version)) => Ok((SecretText::new(value), version)),
            _ => Err(Error::new(operation, id, Class::Fatal, "the secret's value is no text")),
        }
    }
}

/// What to do with a value that is there.
enum Kept {
    /// It stays.
    Serves(Facts),
    /// A new certificate takes its place, and this one's authority is trusted a while longer.
    Outlived(Box<Certificate>),
    /// A new value takes its place.
    Nothing,
}

fn failed(key: &Key, error: CertificateError) -> Error {
    Error::new(PUT, key, Class::Fatal, error)
}

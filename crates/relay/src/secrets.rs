//! The certificates to trust and the password, from Secrets Manager. Neither is ever printed.

use std::fmt;

use aws_sdk_secretsmanager::Client;
use tonic::transport::Certificate;

use crate::configuration::{Tls, Trust};
use function::logging::with_causes;

/// Reads the secrets of one EventStoreDB.
#[derive(Debug, Clone)]
pub struct Secrets {
    client: Client,
}

/// What was read.
#[derive(Clone)]
pub(crate) struct Contents {
    /// The bundle, in PEM; none for [`Trust::Nobody`].
    pub(crate) certificates: Option<Certificate>,
    pub(crate) password: String,
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contents(…)")
    }
}

impl Secrets {
    /// Reads by this client. No call is made.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads them as they are now. The error says which could not be read, and why.
    pub(crate) async fn read(&self, tls: &Tls) -> Result<Contents, String> {
        let (certificates, password) =
            futures::try_join!(self.certificates(&tls.trust), self.text(&tls.password_secret))?;
        Ok(Contents { certificates, password })
    }

    async fn certificates(&self, trust: &Trust) -> Result<Option<Certificate>, String> {
        match trust {
            Trust::Secret(arn) => Ok(Some(Certificate::from_pem(self.text(arn).await?))),
            Trust::Nobody => Ok(None),
        }
    }

    async fn text(&self, arn: &str) -> Result<String, String> {
        let answer = self.client.get_secret_value().secret_id(arn).send().await;
        let answer =
            answer.map_err(|error| format!("secret {arn} cannot be read: {}", with_causes(&error)))?;
        answer.secret_string.ok_or_else(|| format!("secret {arn} holds no text"))
    }
}

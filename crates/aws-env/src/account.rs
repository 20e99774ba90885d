//! The account guard: an environment's calls go to its own account, or are not made.

use aws_config::SdkConfig;
use resource::{Error, Scope};

use crate::At;

/// Why an environment may not be touched.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The credentials belong to another account.
    #[error(
        "environment `{environment}` lives in account {expected}, but the credentials in use belong to account {actual}"
    )]
    Account {
        /// The environment.
        environment: String,
        /// The account that the configuration names.
        expected: String,
        /// The account of the credentials.
        actual: String,
    },
    /// The SDK would call another region.
    #[error("environment `{environment}` lives in region {expected}, but the SDK would call {actual}")]
    Region {
        /// The environment.
        environment: String,
        /// The region that the configuration names.
        expected: String,
        /// The region in the SDK's configuration.
        actual: String,
    },
    /// Whose credentials they are could not be asked.
    #[error("cannot tell whose credentials these are")]
    Unknown(#[source] Error),
}

/// Refuses to go on unless `config` leads to the account and region of `scope`. The only call that it makes is
/// `sts:GetCallerIdentity`, which needs no permission.
///
/// # Errors
/// [`GuardError`].
pub async fn guard(config: &SdkConfig, scope: &Scope) -> Result<(), GuardError> {
    let region = config.region().map_or_else(|| "none".to_owned(), ToString::to_string);
    if region != scope.region {
        return Err(GuardError::Region {
            environment: scope.environment.clone(),
            expected: scope.region.clone(),
            actual: region,
        });
    }
    let identity = aws_sdk_sts::Client::new(config)
        .get_caller_identity()
        .send()
        .await
        .at("sts:GetCallerIdentity", "the credentials in use")
        .map_err(GuardError::Unknown)?;
    match identity.account() {
        Some(account) if account == scope.account => Ok(()),
        account => Err(GuardError::Account {
            environment: scope.environment.clone(),
            expected: scope.account.clone(),
            actual: account.unwrap_or("unknown").to_owned(),
        }),
    }
}

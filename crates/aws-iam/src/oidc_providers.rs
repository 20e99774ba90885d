//! The family `AWS::IAM::OIDCProvider`: whose tokens the account takes for a proof of who somebody is. An account has one of
//! each URL, all its environments share it, and it stays.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_env::{At, Patience, SdkConfig, retry_while, wait_until};
use aws_sdk_iam::Client;
use aws_smithy_types::date_time::Format;
use resource::{
    Class, Desired, Effect, Error, Family, IamAction, Key, KeyError, Kind, Observed, Owner, Progress, Result,
    Scope, Spec,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The host of GitHub Actions' provider. Others that the account has mean nothing to us.
///
/// Source: <https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws>
const GITHUB: &str = "token.actions.githubusercontent.com";

/// Who GitHub's tokens are made for, as `aws-actions/configure-aws-credentials` asks for them.
const AUDIENCE: &str = "sts.amazonaws.com";

const ADD: &str = "iam:AddClientIDToOpenIDConnectProvider";
const CREATE: &str = "iam:CreateOpenIDConnectProvider";
const GET: &str = "iam:GetOpenIDConnectProvider";

/// A provider just made is not found for some seconds.
const PATIENCE: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(2), Duration::from_secs(60));

/// What we set of a provider. AWS finds out the thumbprints of its certificates by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OidcProviderSpec {
    /// The issuer: `https://token.actions.githubusercontent.com`.
    pub url: String,
    /// The audiences that we need: others that are there belong to others, so they are neither seen nor removed.
    pub client_id_list: BTreeSet<String>,
}

impl OidcProviderSpec {
    /// The provider of GitHub Actions.
    pub fn github() -> Self {
        Self { url: format!("https://{GITHUB}"), client_id_list: BTreeSet::from([AUDIENCE.to_owned()]) }
    }

    /// The URL without its scheme: with `:sub` or `:aud` behind it, a condition key.
    pub fn host(&self) -> &str {
        self.url.strip_prefix("https://").unwrap_or(&self.url)
    }

    /// Its ARN in the account of `scope`: there is one of each URL.
    pub fn arn(&self, scope: &Scope) -> String {
        scope.iam_arn(&format!("oidc-provider/{}", self.host()))
    }
}

impl Spec for OidcProviderSpec {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            "url" => Effect::Refuse("an account has one provider of each URL, and others use it".into()),
            _ => Effect::Update,
        }
    }
}

/// The key of GitHub's provider, `bootstrap/oidc-provider`. It carries no tags of ours, so this key is what it is known by.
///
/// # Errors
/// Never: it is a key.
pub fn github_provider_key() -> std::result::Result<Key, KeyError> {
    Key::new("bootstrap", "oidc-provider")
}

/// IAM's OpenID Connect providers: that of GitHub Actions. It is ensured and never deleted.
///
/// A provider that is there counts as this environment's, whoever made it: it is the one that any environment would make.
#[derive(Clone, Debug)]
pub struct OidcProviders {
    client: Client,
}

impl OidcProviders {
    /// The family behind this configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// The provider of that ARN; `None` where the account has none. Of its audiences, those that we would set.
    async fn provider(&self, arn: &str) -> Result<Option<Observed<OidcProviderSpec>>> {
        let call = self.client.get_open_id_connect_provider().open_id_connect_provider_arn(arn);
        let found = match call.send().await.at(GET, arn) {
            Err(error) if error.class == Class::NotFound => return Ok(None),
            found => found?,
        };
        let ours = OidcProviderSpec::github();
        let there: BTreeSet<_> = found.client_id_list.unwrap_or_default().into_iter().collect();
        let client_id_list = ours.client_id_list.intersection(&there).cloned().collect();
        let key = github_provider_key().map_err(|error| Error::new(GET, arn, Class::Fatal, error))?;
        Ok(Some(Observed {
            id: arn.to_owned(),
            name: None,
            owner: Owner::Us(key),
            spec: OidcProviderSpec { client_id_list, ..ours },
            outputs: BTreeMap::from([("arn".to_owned(), arn.to_owned())]),
            created: found.create_date.and_then(|date| date.fmt(Format::DateTime).ok()),
            pending: None,
        }))
    }

    async fn create(&self, key: &Key, spec: &OidcProviderSpec) -> Result<()> {
        let call = self.client.create_open_id_connect_provider().url(&spec.url);
        let call = call.set_client_id_list(Some(spec.client_id_list.iter().cloned().collect()));
        match call.send().await.at(CREATE, key) {
            // Somebody made it meanwhile, or an earlier attempt did.
            Err(error) if error.class != Class::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }
}

impl Family for OidcProviders {
    type Spec = OidcProviderSpec;

    const KIND: Kind = Kind::new("AWS::IAM::OIDCProvider");
    const SHARED: bool = true;
    const REFERS_TO: &'static [Kind] = &[];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("iam:GetOpenIDConnectProvider"),
        IamAction::write("iam:AddClientIDToOpenIDConnectProvider"),
        IamAction::write("iam:CreateOpenIDConnectProvider"),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<OidcProviderSpec>>> {
        let found = self.provider(&OidcProviderSpec::github().arn(scope)).await?;
        Ok(found.into_iter().collect())
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<OidcProviderSpec>,
        observed: Option<&Observed<OidcProviderSpec>>,
        progress: &Progress,
    ) -> Result<Observed<OidcProviderSpec>> {
        let Desired { key, spec, .. } = desired;
        if spec.url != OidcProviderSpec::github().url {
            let text = format!("no survey would find the provider {}", spec.url);
            return Err(Error::new(CREATE, key, Class::Fatal, text));
        }
        let found = match observed {
            Some(observed) => observed.clone(),
            None => {
                self.create(key, spec).await?;
                let arn = spec.arn(scope);
                let waits_for = "the provider to be known to IAM";
                wait_until(&PATIENCE, progress, GET, key, waits_for, || self.provider(&arn)).await?
            }
        };
        for client in spec.client_id_list.difference(&found.spec.client_id_list) {
            // That it has the audience already is success.
            let add = || async {
                let call = self.client.add_client_id_to_open_id_connect_provider().client_id(client);
                call.open_id_connect_provider_arn(&found.id).send().await.at(ADD, key).map(drop)
            };
            let settles = |error: &Error| error.class == Class::Conflict;
            retry_while(&PATIENCE, progress, "the provider", settles, add).await?;
        }
        Ok(Observed { spec: spec.clone(), ..found })
    }

    /// Leaves it: other environments and other people use it.
    async fn delete(&self, observed: &Observed<OidcProviderSpec>, progress: &Progress) -> Result<()> {
        progress.note(format!("{} is shared by the whole account and stays", observed.id));
        Ok(())
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<OidcProviderSpec>>> {
        let github = OidcProviderSpec::github();
        let arn = github.arn(scope);
        if [arn.as_str(), &github.url, github.host()].contains(&id) {
            self.provider(&arn).await
        } else {
            Ok(None)
        }
    }

    /// It is everybody's already.
    async fn adopt(&self, _: &Scope, _: &Key, _: &Observed<OidcProviderSpec>) -> Result<()> {
        Ok(())
    }
}

//! What we set of a role.

use std::collections::{BTreeMap, BTreeSet};

use resource::{Effect, PolicyDocument, Scope, Spec, Statement};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::OidcProviderSpec;

/// The fields of an IAM role that we set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleSpec {
    /// The path: [`Scope::path`].
    pub path: String,
    /// What the role is for; at most 1,000 characters.
    pub description: String,
    /// Who may assume it.
    pub assume_role_policy_document: PolicyDocument,
    /// The inline policies: name → document. Any other that is there is removed.
    pub policies: BTreeMap<String, PolicyDocument>,
    /// The managed policies attached. Any other that is there is detached.
    pub managed_policy_arns: BTreeSet<String>,
    /// The managed policy that bounds what the role may do.
    pub permissions_boundary: Option<String>,
    /// How long a session of the role may last: 3,600 to 43,200 s.
    pub max_session_duration_seconds: i32,
}

impl RoleSpec {
    /// A role of the environment that `service` (`lambda.amazonaws.com`) assumes, and that may do nothing yet.
    ///
    /// The trust names the service alone, without `aws:SourceAccount` or `aws:SourceArn`: Lambda, the service that
    /// we make roles for, documents neither for its assumption of an execution role, and a condition on a key that
    /// a request lacks denies it. The confused deputy cannot use the role all the same: whoever hands it to a function
    /// needs `iam:PassRole`, and a role cannot be passed across accounts.
    ///
    /// Sources: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html>,
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>
    pub fn for_service(service: &str, scope: &Scope, description: &str) -> Self {
        let trust = Statement {
            action: vec!["sts:AssumeRole".to_owned()],
            ..Statement::allow("", [""; 0], [""; 0]).principal("Service", service)
        };
        Self::trusting(trust, scope, description)
    }

    /// A role of the environment that whoever has a token of `provider` for one of these `subjects` assumes, and that may do
    /// nothing yet. The token has to be made for the provider's audiences, and its subject has to be one of these to the
    /// letter.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html>
    pub fn for_web_identity(
        provider: &OidcProviderSpec,
        subjects: impl IntoIterator<Item = String>,
        scope: &Scope,
        description: &str,
    ) -> Self {
        let (audience, subject) = (format!("{}:aud", provider.host()), format!("{}:sub", provider.host()));
        let trust = Statement {
            action: vec!["sts:AssumeRoleWithWebIdentity".to_owned()],
            ..Statement::allow("", [""; 0], [""; 0]).principal("Federated", provider.arn(scope))
        };
        let trust = provider
            .client_id_list
            .iter()
            .fold(trust, |trust, client| trust.when("StringEquals", &audience, client));
        let trust = subjects.into_iter().fold(trust, |trust, one| trust.when("StringEquals", &subject, one));
        Self::trusting(trust, scope, description)
    }

    /// The same for tokens alone that have this claim of `provider`, one of those that AWS knows of it: of GitHub's, `ref`.
    ///
    /// Source: <https://aws.amazon.com/about-aws/whats-new/2026/01/aws-sts-supports-validation-identity-provider-claims/>
    #[must_use]
    pub fn with_claim(mut self, provider: &OidcProviderSpec, claim: &str, value: &str) -> Self {
        let key = format!("{}:{claim}", provider.host());
        let document = &mut self.assume_role_policy_document;
        document.statement =
            document.statement.drain(..).map(|trust| trust.when("StringEquals", &key, value)).collect();
        self
    }

    fn trusting(trust: Statement, scope: &Scope, description: &str) -> Self {
        Self {
            path: scope.path(),
            description: description.to_owned(),
            assume_role_policy_document: PolicyDocument::new(vec![trust]),
            policies: BTreeMap::new(),
            managed_policy_arns: BTreeSet::new(),
            permissions_boundary: None,
            max_session_duration_seconds: 3600,
        }
    }

    /// The same, as it is right after its creation and must be before its deletion.
    pub(crate) fn without_policies(&self) -> Self {
        Self { policies: BTreeMap::new(), managed_policy_arns: BTreeSet::new(), ..self.clone() }
    }
}

impl Spec for RoleSpec {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            // Deleting the role and making it anew would leave `AROA…` in every resource policy that names it.
            "path" => Effect::Refuse(
                "IAM cannot move a role, and one made anew under its name loses what resource policies grant it; \
                 delete it by hand once nothing uses it"
                    .to_owned(),
            ),
            _ => Effect::Update,
        }
    }
}

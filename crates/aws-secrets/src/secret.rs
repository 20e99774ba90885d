//! A secret as others speak of it: its name, references to it, and the permission to read it.

use resource::{Grantee, Key, Reference, Scope, Statement};

/// A secret of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    key: Key,
    name: String,
}

impl Secret {
    /// The secret with that key whose name ends in `suffix`: `certificate` is `headwater/prod/certificate`.
    ///
    /// AWS advises against names that end in a hyphen and six characters, since its own ARNs do:
    /// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>
    pub fn new(scope: &Scope, key: &Key, suffix: &str) -> Self {
        Self { key: key.clone(), name: format!("{}{suffix}", prefix(scope)) }
    }

    /// Its key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A reference to its ARN, which ends in six characters that Secrets Manager makes up.
    pub fn arn(&self) -> String {
        Reference::output(&self.key, "arn").to_string()
    }

    /// A reference to the id of its current version. Each new value is a new version.
    pub fn version(&self) -> String {
        Reference::output(&self.key, "versionId").to_string()
    }

    /// One field of its JSON in its current version, as the `valueFrom` of a secret in an ECS container definition. It
    /// names the version, so that a renewal is a change of the task definition.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html>
    pub fn field(&self, name: &str) -> String {
        format!("{}:{name}::{}", self.arn(), self.version())
    }

    /// Lets the grantee read its value, whichever version.
    pub fn grant_read(&self, grantee: &mut impl Grantee) {
        grantee.grant(Statement::allow("", ["secretsmanager:GetSecretValue"], [self.arn()]));
    }
}

/// What the names of an environment's secrets begin with: `headwater/prod/`.
pub(crate) fn prefix(scope: &Scope) -> String {
    scope.path().trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{key, scope};

    #[test]
    fn a_secret_is_named_by_its_path_and_referred_to_by_its_key() {
        struct Role(Vec<Statement>);
        impl Grantee for Role {
            fn grant(&mut self, statement: Statement) {
                self.0.push(statement);
            }
        }
        let secret = Secret::new(&scope(), &key(), "certificate");
        assert_eq!(secret.name(), "headwater/dev/certificate");
        assert_eq!(secret.arn(), "${stateful/certificate.arn}");
        assert_eq!(
            secret.field("privateKey"),
            "${stateful/certificate.arn}:privateKey::${stateful/certificate.versionId}"
        );
        let mut role = Role(Vec::new());
        secret.grant_read(&mut role);
        assert_eq!(role.0[0].action, ["secretsmanager:GetSecretValue"]);
        assert_eq!(role.0[0].resource, ["${stateful/certificate.arn}"]);
    }
}
